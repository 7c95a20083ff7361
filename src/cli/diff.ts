// `keelson diff`: which proxies' configuration a manifest would change, and how: what becomes of hosts and ports first, the
// fields of Envoy's resources second. Both sides are translated by the same code as a daemon's.
import { parseArgs } from 'node:util';

import type { DecodedConfiguration, DecodedResource } from '../model/envoy/decoded.ts';
import { decodedKinds, originsAt } from '../model/envoy/decoded.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { describeSource } from '../model/source.ts';
import type { Io } from './io.ts';
import { exit, UsageError } from './io.ts';
import type { MeshReader } from './mesh-reader.ts';
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

type Kind = keyof DecodedConfiguration;

export interface FieldChange {
  readonly field: string;
  readonly before?: unknown;
  readonly after?: unknown;
  readonly causes: readonly string[];
}

export interface ResourceChange {
  readonly kind: Kind;
  readonly name: string;
  readonly change: 'appears' | 'disappears' | 'changes';
  readonly fields: readonly FieldChange[];
}

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

/** As `kubectl apply` would leave it. */
export function applied(base: Snapshot, change: Snapshot): Snapshot {
  const kinds = Object.keys(base.objects) as (keyof Snapshot['objects'])[];
  const objects = kinds.map((kind) => {
    const added = change.objects[kind];
    return [kind, added.size === 0 ? base.objects[kind] : new Map<string, unknown>([...base.objects[kind], ...added])];
  });
  return { version: base.version + 1, objects: Object.fromEntries(objects) as Snapshot['objects'] };
}

async function proxyChanges(before: MeshReader, after: MeshReader, proxy: string): Promise<readonly ResourceChange[]> {
  const [{ resources: old }, { resources: fresh }] = await Promise.all([before.read(proxy), after.read(proxy)]);
  return decodedKinds.flatMap((kind) => resourceChanges(kind, old[kind], fresh[kind]));
}

/** By name; what is the same in both has the same version. */
export function resourceChanges(
  kind: Kind,
  before: readonly DecodedResource[],
  after: readonly DecodedResource[],
): readonly ResourceChange[] {
  const old = new Map(before.map((resource) => [resource.name, resource]));
  const fresh = new Map(after.map((resource) => [resource.name, resource]));
  const names = [...new Set([...old.keys(), ...fresh.keys()])].toSorted();
  return names.flatMap((name): readonly ResourceChange[] => {
    const was = old.get(name);
    const is = fresh.get(name);
    if (was?.version === is?.version) return [];
    if (was === undefined) return [{ kind, name, change: 'appears', fields: [] }];
    if (is === undefined) return [{ kind, name, change: 'disappears', fields: [] }];
    return [{ kind, name, change: 'changes', fields: fieldChanges(was, is) }];
  });
}

function fieldChanges(was: DecodedResource, is: DecodedResource): readonly FieldChange[] {
  const before = new Map(leaves(was.message, ''));
  const after = new Map(leaves(is.message, ''));
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((field) => before.get(field) !== after.get(field))
    .map((field) => ({
      field,
      ...(before.has(field) && { before: before.get(field) }),
      ...(after.has(field) && { after: after.get(field) }),
      causes: originsAt(after.has(field) ? is : was, field).map(describeSource),
    }));
}

function leaves(value: unknown, path: string): readonly (readonly [string, unknown])[] {
  if (Array.isArray(value)) return value.flatMap((item, i) => leaves(item, `${path}[${i}]`));
  if (typeof value !== 'object' || value === null) return [[path, value]];
  const entries = Object.entries(value);
  if (entries.length === 0) return [[path, '{}']];
  return entries.flatMap(([field, each]) => leaves(each, path === '' ? field : `${path}.${field}`));
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
