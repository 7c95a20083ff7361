// `keelson diff`: which proxies' configuration a manifest would change, and how: what becomes of hosts and ports first, the
// fields of Envoy's resources second. Both sides are translated by the same code as a daemon's.
import { parseArgs } from 'node:util';

import type { FieldChange, Kind, ResourceChange } from '../inspect/differences.ts';
import { applied, resourceChanges } from '../inspect/differences.ts';
import type { MeshReader } from '../inspect/mesh-reader.ts';
import { decodedKinds } from '../model/envoy/decoded.ts';
import type { Io } from './io.ts';
import { exit, UsageError } from './io.ts';
import { filesReader } from './mesh-reader.ts';
import { loadFiles } from './offline.ts';

const help = `Shows which proxies' configuration a manifest would change, and how.

Usage: keelson diff --config FILE_OR_DIR... --file FILE... [--proxy POD.NAMESPACE]... [--json]

  --config PATH     the mesh as it is; may be repeated
  -f, --file PATH   what would be applied to it; may be repeated
  --proxy NAME      only this proxy; may be repeated
  --json            machine-readable output

Exit code: 0 if nothing changes, 1 if something does, 2 for wrong use.
`;

/** Of one resource; more are counted only. */
const mostFields = 20;

export async function diff(argv: readonly string[], io: Io): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      config: { type: 'string', multiple: true },
      file: { type: 'string', short: 'f', multiple: true },
      proxy: { type: 'string', multiple: true },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return (io.stdout(help), exit.fine);
  if (values.config === undefined || values.file === undefined) throw new UsageError('--config and --file are needed');
  const [base, change] = await Promise.all([loadFiles(values.config), loadFiles(values.file)]);
  const before = filesReader(base.snapshot);
  const after = filesReader(applied(base.snapshot, change.snapshot));
  const proxies = values.proxy ?? before.proxies.map(({ name }) => name);
  const changes = await Promise.all(
    proxies.map(async (proxy) => ({ proxy, resources: await proxyChanges(before, after, proxy) })),
  );
  const changed = changes.filter(({ resources }) => resources.length > 0);
  if (values.json === true) io.stdout(`${JSON.stringify(changed, null, 2)}\n`);
  else
    io.stdout([`${changed.length} of ${proxies.length} proxies change`, ...changed.flatMap(lines)].join('\n') + '\n');
  return changed.length > 0 ? exit.bad : exit.fine;
}

async function proxyChanges(before: MeshReader, after: MeshReader, proxy: string): Promise<readonly ResourceChange[]> {
  const [{ resources: old }, { resources: fresh }] = await Promise.all([before.read(proxy), after.read(proxy)]);
  return decodedKinds.flatMap((kind) => resourceChanges(kind, old[kind], fresh[kind]));
}

function lines({
  proxy,
  resources,
}: {
  readonly proxy: string;
  readonly resources: readonly ResourceChange[];
}): readonly string[] {
  return [
    '',
    proxy,
    ...resources.map((each) => `  ${behaviour(each)}`),
    ...resources.flatMap(({ kind, name, fields }) => {
      const shown = fields.slice(0, mostFields).map(fieldLine);
      const more = fields.length > mostFields ? [`      and ${fields.length - mostFields} more`] : [];
      return fields.length === 0 ? [] : [`    ${kind} ${name}`, ...shown, ...more];
    }),
  ];
}

/** What it means to traffic. */
function behaviour({ kind, name, change }: ResourceChange): string {
  const [direction, port, subset, host] = name.split('|');
  const where = host === undefined || host === '' ? name : `${host}:${port}${subset === '' ? '' : ` subset ${subset}`}`;
  const from = direction === 'inbound' ? `its own port ${port}` : where;
  const words: Readonly<Record<Kind, string>> = {
    cluster: `how ${from} is connected to`,
    endpoint: `the endpoints of ${from}`,
    listener: `what is received at ${name}`,
    route: `how requests are routed at ${name}`,
    virtualHost: `how requests for ${name} are routed`,
    extension: `the extension ${name}`,
  };
  return `${words[kind]} ${change}`;
}

const fieldLine = ({ field, before, after, causes }: FieldChange): string =>
  `      ${field}: ${text(before)} -> ${text(after)}${causes.length === 0 ? '' : `, because of ${causes.join(', ')}`}`;

const text = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));
