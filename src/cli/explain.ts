// `keelson explain`: which objects and which fields of them caused what a proxy is sent. It reads the provenance that
// translation attaches while it builds, so it cannot disagree with it.
import { parseArgs } from 'node:util';

import type { Configuration, Resource } from '../model/resource.ts';
import type { SourceRef } from '../model/source.ts';
import { describeSource } from '../model/source.ts';

import { causingObjects, resourceOrigins } from '../translate/origins.ts';
import { installation } from '../installation.ts';
import { translate } from '../translate/translate.ts';
import type { Io } from './io.ts';
import { exit, table, UsageError } from './io.ts';
import { loadFiles, nodeOfProxy } from './offline.ts';
import { suggestSidecar } from './suggest-sidecar.ts';

const defaultAdmin = 'http://127.0.0.1:15000';

const help = `Shows which objects and fields caused what a proxy is sent.

Usage: keelson explain --config FILE_OR_DIR... --proxy POD.NAMESPACE [KIND [NAME [FIELD]]]
       keelson explain --config FILE_OR_DIR... --proxy POD.NAMESPACE --suggest-sidecar [--admin URL]

  KIND    cluster, listener, route, endpoint, virtualHost or extension; without it all resources are listed
  NAME    a resource, for example 'outbound|80||store.shop.svc.cluster.local'
  FIELD   a field of it and what is below: 'virtual_hosts[0].routes', 'outlier_detection'

  --config PATH   a YAML file or a directory of them; may be repeated
  --proxy NAME    the proxy, by the name of a Pod in the configuration
  --json          machine-readable output

  --suggest-sidecar   print a Sidecar object that lets through only the services the proxy has used since it started
  --admin URL         the admin interface of its Envoy, which counts them; default: ${defaultAdmin}

  keelson explain --config shop/ --proxy web-1.shop route 80 'virtual_hosts[1].routes[0]'
`;

type Origin = readonly [string, readonly SourceRef[]];

const kinds = ['cluster', 'listener', 'route', 'endpoint', 'virtualHost', 'extension'] as const;
type Kind = (typeof kinds)[number];

export async function explain(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      config: { type: 'string', multiple: true },
      proxy: { type: 'string' },
      json: { type: 'boolean' },
      'suggest-sidecar': { type: 'boolean' },
      admin: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return (io.stdout(help), exit.fine);
  if (values.config === undefined) throw new UsageError('--config is missing');
  if (values.proxy === undefined) throw new UsageError('--proxy is missing');
  const { snapshot } = await loadFiles(values.config);
  if (values['suggest-sidecar'] === true)
    return suggestSidecar(snapshot, values.proxy, values.admin ?? defaultAdmin, values.json === true, io);
  const configuration = translate(snapshot, installation()).configuration(nodeOfProxy(values.proxy, snapshot));
  if (configuration === undefined) throw new UsageError(`'${values.proxy}' is not a proxy`);
  const [kind, name, field] = positionals;
  if (name === undefined) return list(configuration, kind, values.json === true, io);
  return detail(configuration, kindOf(kind), name, field, values.json === true, io);
}

function kindOf(text: string | undefined): Kind {
  const kind = kinds.find((candidate) => candidate === text || `${candidate}s` === text);
  if (kind === undefined) throw new UsageError(`'${text}' is no kind of resource; there are ${kinds.join(', ')}`);
  return kind;
}

const resourcesOf = (configuration: Configuration, kind: Kind): readonly Resource[] =>
  configuration[kind].flatMap((layer) => [...layer.resources.values()]).toSorted((a, b) => (a.name < b.name ? -1 : 1));

/** Every resource with the objects behind it. */
function list(configuration: Configuration, kind: string | undefined, json: boolean, io: Io): number {
  const asked = kind === undefined ? kinds : [kindOf(kind)];
  const rows = asked.flatMap((each) =>
    resourcesOf(configuration, each).map((resource) => ({
      kind: each,
      name: resource.name,
      objects: causingObjects(resourceOrigins(resource)),
    })),
  );
  if (json) io.stdout(`${JSON.stringify(rows, null, 2)}\n`);
  else
    io.stdout(table([['KIND', 'NAME', 'OBJECTS'], ...rows.map((row) => [row.kind, row.name, describe(row.objects)])]));
  return exit.fine;
}

/** The fields of one resource with what caused each. */
function detail(
  configuration: Configuration,
  kind: Kind,
  name: string,
  field: string | undefined,
  json: boolean,
  io: Io,
): number {
  const resource = resourcesOf(configuration, kind).find((candidate) => candidate.name === name);
  if (resource === undefined) {
    io.stderr(`keelson explain: the proxy has no ${kind} '${name}'; 'keelson explain ... ${kind}' lists what it has\n`);
    return exit.bad;
  }
  const origins = [...resourceOrigins(resource)].filter(
    ([path]) => field === undefined || covers(field, path) || covers(path, field),
  );
  if (origins.length === 0) {
    io.stderr(
      `keelson explain: no object caused '${field}' of ${kind} '${name}': it is a default of Keelson's, or not there at all\n`,
    );
    return exit.bad;
  }
  if (json) io.stdout(`${JSON.stringify(Object.fromEntries(origins), null, 2)}\n`);
  else
    io.stdout(
      table([['FIELD', 'CAUSED BY'], ...narrowest(origins, field).map(([path, sources]) => [path, describe(sources)])]),
    );
  return exit.fine;
}

/** Of the fields above the one asked for only the nearest matters. */
function narrowest(origins: readonly Origin[], field: string | undefined): readonly Origin[] {
  if (field === undefined) return origins;
  const below = origins.filter(([path]) => covers(field, path));
  return below.length > 0 ? below : origins.slice(-1);
}

/** Whether `path` is `field` or lies below it. */
const covers = (field: string, path: string): boolean =>
  path === field || (path.startsWith(field) && /^[.[]/.test(path.slice(field.length)));

const describe = (sources: readonly SourceRef[]): string => sources.map(describeSource).join(', ');
