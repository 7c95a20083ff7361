// `make demo`: starts the book shop, shows with live traffic that the mesh does what its files say, changes one of
// them, and then leaves the shop open to play with. With ONCE=1 it ends, and fails if anything shown was not so.
import type { Cleanup, Shop } from './shop.ts';

import { envoyBinary } from '../scripts/envoy.ts';
import { failure } from '../scripts/process.ts';
import { nothingRejected, shiftTraffic } from './live-change.ts';
import { startShop } from './shop.ts';
import { steps } from './steps.ts';
import { formatRow, header } from './table.ts';
import { collectorOf } from './tracing.ts';

const once = process.env['ONCE'] === '1';
const print = (text: string): boolean => process.stdout.write(`${text}\n`);
const cleanup: Cleanup = [];
let ending = false;
let open = false;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => void end(signal === 'SIGINT' ? 0 : 143));

try {
  const report = { progress: print, daemon: printIfOpen };
  const shop = await startShop(await envoyBinary(process.env, print), cleanup, report, collectorOf(process.env));
  const ok = await show(shop);
  if (!ok) print(`\nNot everything was as it should be. What the processes said last:\n${logs(shop)}`);
  if (once) await end(ok ? 0 : 1);
  print(invitation(shop));
  open = true;
  watch(shop);
} catch (error) {
  print(`The demo failed: ${(error as Error).message}`);
  await end(1);
}

/** Once the table is done, the daemon's words are the answer to what the user edits. */
function printIfOpen(line: string): void {
  if (open && !ending) print(`keelson: ${line}`);
}

async function show(shop: Shop): Promise<boolean> {
  const colors = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
  print(`\nYou are the front page; every request goes from its proxy to another one.\n\n${header()}`);
  let allOk = true;
  for (const step of [...steps, shiftTraffic, nothingRejected]) {
    const row = await step(shop);
    print(formatRow(row, colors));
    allOk &&= row.ok;
  }
  return allOk;
}

function invitation(shop: Shop): string {
  return `
The book shop stays open. Look and try:
  open  ${shop.frontPageUrl}                (reload; then "Be Jane")
  edit  ${shop.config}/canary.yaml     (weights: 0 and 100, save, reload the page)
  edit  ${shop.config}/faults.yaml     (value: 100, without the match: all ratings fail)
  break ${shop.config}/canary.yaml     (misspell a field: keelson says where, the last good state stays)
  see   http://127.0.0.1:${shop.pods[0]?.adminPort}/                (the Envoy of ${shop.pods[0]?.name}: config_dump, stats)
Ctrl-C ends everything and removes the copy.`;
}

function logs(shop: Shop): string {
  return shop.processes
    .filter((one) => one.lines().length > 0)
    .map((one) => failure(one, 'last lines'))
    .join('\n');
}

/** The shop is closed when one of its processes ends by itself. */
function watch(shop: Shop): void {
  for (const one of shop.processes) {
    void one.ended.then((how) => {
      if (ending) return;
      print(failure(one, how));
      void end(1);
    });
  }
}

/** Ends what was started, the last one first, and then this process. */
async function end(code: number): Promise<void> {
  ending = true;
  while (cleanup.length > 0) await cleanup.pop()?.();
  process.exit(code);
}
