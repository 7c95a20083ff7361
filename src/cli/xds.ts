// `keelson xds`: what the control plane would send to a proxy, from files alone, as canonical protobuf JSON decoded from
// the very bytes that would go over the wire.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import type { Problem } from '../model/problem.ts';
import type { Configuration, NodeInfo } from '../model/envoy/resource.ts';
import type { ObjectStatus } from '../model/status.ts';
import { installation } from '../daemon/mesh/installation.ts';
import { translate } from '../translate/translate.ts';
import { cachedResource } from '../xds/codec/cache.ts';
import type { JsonObject } from '../xds/codec/print.ts';
import { printAny } from '../xds/codec/print.ts';
import type { Io } from './io.ts';
import { exit, UsageError } from './io.ts';
import { loadFiles, nodeFromFile, nodeOfProxy, podName } from './mesh/offline.ts';

const help = `Prints what Envoys would be sent, from files alone.

Usage: keelson xds --config FILE_OR_DIR... (--proxy POD.NAMESPACE | --node NODE.JSON)... [--out DIR]

  --config PATH   a YAML file or a directory of them; may be repeated
  --proxy NAME    a proxy, by the name of a Pod in the configuration; may be repeated
  --node FILE     a proxy, by its node as Envoy sends it (JSON); may be repeated
  --out DIR       write DIR/<pod>/{clusters,listeners,routes,endpoints,extensions}.json, DIR/rejected.json and DIR/status.json
`;

const files = {
  clusters: 'cluster',
  listeners: 'listener',
  routes: 'route',
  endpoints: 'endpoint',
  virtualHosts: 'virtualHost',
  extensions: 'extension',
} as const;

export async function xds(argv: readonly string[], io: Io): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      config: { type: 'string', multiple: true },
      proxy: { type: 'string', multiple: true },
      node: { type: 'string', multiple: true },
      out: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return (io.stdout(help), exit.fine);
  if (values.config === undefined) throw new UsageError('--config is missing');
  if (values.proxy === undefined && values.node === undefined)
    throw new UsageError('say which proxies with --proxy or --node');
  const { snapshot, problems } = await loadFiles(values.config);
  const translation = translate(snapshot, installation());
  const nodes = [
    ...(values.proxy ?? []).map((name) => nodeOfProxy(name, snapshot)),
    ...(await Promise.all((values.node ?? []).map(nodeFromFile))),
  ];
  const configured = nodes.map((node) => ({ node, configuration: translation.configuration(node) }));
  // What does not depend on proxies is written even when one of them is none.
  if (values.out !== undefined) await writeObjects(values.out, problems, translation.statuses());
  const results = configured.map(({ node, configuration }) => ({
    pod: podName(node),
    printed: printConfiguration(node, configuration),
  }));
  if (values.out === undefined)
    io.stdout(`${JSON.stringify(Object.fromEntries(results.map(({ pod, printed }) => [pod, printed])), null, 2)}\n`);
  else await writeResults(values.out, results);
  return exit.fine;
}

type Printed = Readonly<Record<string, Readonly<Record<string, JsonObject>>>>;

/** By output file, then by resource name. */
function printConfiguration(node: NodeInfo, configuration: Configuration | undefined): Printed {
  if (configuration === undefined)
    throw new UsageError(
      `'${node.id}' is not the node id of a sidecar, a gateway or a waypoint (type~address~pod.namespace~dns domain)`,
    );
  const printed = Object.entries(files).map(([file, kind]) => {
    const resources = configuration[kind].flatMap((layer) => [...layer.resources.values()]);
    const byName = resources
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map((resource) => {
        const { type, bytes } = cachedResource(resource);
        return [resource.name, printAny(type, bytes)] as const;
      });
    return [file, Object.fromEntries(byName)] as const;
  });
  // Virtual hosts of their own are only what lazy proxies have.
  const shown = printed.filter(([file, resources]) => file !== 'virtualHosts' || Object.keys(resources).length > 0);
  return Object.fromEntries(shown);
}

async function writeResults(
  out: string,
  results: readonly { readonly pod: string; readonly printed: Printed }[],
): Promise<void> {
  for (const { pod, printed } of results) {
    await mkdir(join(out, pod), { recursive: true });
    for (const [file, resources] of Object.entries(printed))
      await writeFile(join(out, pod, `${file}.json`), `${JSON.stringify(resources, null, 2)}\n`);
  }
}

async function writeObjects(
  out: string,
  problems: readonly Problem[],
  statuses: readonly ObjectStatus[],
): Promise<void> {
  await mkdir(out, { recursive: true });
  await writeFile(join(out, 'rejected.json'), `${JSON.stringify(rejected(problems), null, 2)}\n`);
  const byObject = statuses.map(({ kind, namespace, name, status }) => [`${kind}/${namespace}/${name}`, status]);
  await writeFile(join(out, 'status.json'), `${JSON.stringify(Object.fromEntries(byObject), null, 2)}\n`);
}

/** Objects that admission would refuse, each once. */
function rejected(
  problems: readonly Problem[],
): readonly { readonly kind: string; readonly namespace: string; readonly name: string }[] {
  const objects = problems
    .filter((problem) => problem.severity === 'error' && problem.source !== undefined)
    .flatMap(({ source }) =>
      source === undefined ? [] : [{ kind: source.kind, namespace: source.namespace, name: source.name }],
    );
  return [...new Map(objects.map((object) => [JSON.stringify(object), object])).values()];
}
