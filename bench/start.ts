// `node bench/start.ts [SERVICES PODS [TIMES]]`: from the start of the daemon in a cluster as large as that, whose API server has
// just started as well, until it is ready and until the first proxy has everything; what that takes of CPU and memory.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { keelson } from './control-plane/planes.ts';
import { PauseMeter } from './control-plane/pauses.ts';
import type { Started } from './control-plane/planes.ts';
import type { World } from './control-plane/world.ts';
import { load, meshOf, succeeded, withLoadGenerator, withMesh } from './control-plane/world.ts';

const [services = 5000, pods = 20_000, times = 3] = process.argv.slice(2).map(Number);

interface WaitReport {
  readonly since_start_s: number;
  readonly server_cpu_since_start_s: number;
  readonly usage: { readonly server_rss_peak_mb: number; readonly server_rss_end_mb: number };
}

await withLoadGenerator(async (xdsload, directories) => {
  // One Pod of each service is ready, but in no EndpointSlice.
  const mesh = meshOf(services, Math.round(pods / services) - 1);
  await withMesh({ xdsload, ...directories }, mesh, async (world) => {
    const rows: Record<string, object> = {};
    for (let time = 1; time <= times; time++) rows[`start ${time}`] = await measure(world, time);
    console.log(`\n${services} services, ${pods} Pods`);
    console.table(rows);
  });
});

async function measure(world: World, time: number): Promise<object> {
  await world.kubernetes.stopServer();
  await world.kubernetes.startServer();
  const began = performance.now();
  const started = await keelson('start', 'host-by-host').start(world);
  try {
    const file = join(world.reports, `start-${time}.json`);
    const reached = [...world.mesh, ...(await started.target()), '--server-pid', String(started.daemon.pid)];
    const first = load(world, ['wait', ...reached, '--out', file], () => {});
    const [answers, ready] = await readiness(started, began);
    const pauses = await new PauseMeter(started.monitoring ?? '').lap();
    await succeeded(first);
    const report = JSON.parse(await readFile(file, 'utf8')) as WaitReport;
    return {
      'process answers, s': seconds(answers),
      'ready, s': seconds(ready),
      'first proxy complete, s': report.since_start_s,
      'CPU, s': report.server_cpu_since_start_s,
      'resident, most, MB': Math.round(report.usage.server_rss_peak_mb),
      'resident, then, MB': Math.round(report.usage.server_rss_end_mb),
      'event loop late, most, ms': pauses.delay_max_ms,
      'collection, longest, ms': pauses.collection_max_ms,
    };
  } finally {
    await started.daemon.stop();
  }
}

/** Milliseconds until it has an answer at all, and until that says that it is ready. */
async function readiness({ readiness: url }: Started, began: number): Promise<readonly [number, number]> {
  let answers: number | undefined;
  for (const deadline = began + 300_000; performance.now() < deadline;) {
    const answer = await fetch(`${url}/ready`).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer !== undefined) answers ??= performance.now() - began;
    if (answer?.ok === true) return [answers ?? 0, performance.now() - began];
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('not ready within five minutes');
}

function seconds(milliseconds: number): number {
  return Math.round(milliseconds / 100) / 10;
}
