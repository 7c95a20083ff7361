// `keelson explain`: which objects and which fields of them caused what a proxy is sent, and which lost against others. It
// reads the provenance that translation attaches while it builds, so it cannot disagree with it.
import { parseArgs } from 'node:util';

import { explainError, explainHost, explainObject } from './explain/effect.ts';
import { explainResource, kindOf, listResources } from './explain/resource.ts';
import type { Io } from './io.ts';
import { exit, UsageError } from './io.ts';
import { meshOptions, meshOptionsHelp, openMesh } from './mesh/mesh-reader.ts';
import { loadFiles } from './mesh/offline.ts';
import { suggestSidecar } from './explain/suggest-sidecar.ts';

const defaultAdmin = 'http://127.0.0.1:15000';

const help = `Shows which objects and fields caused what a proxy is sent, and which lost against others.

Usage: keelson explain (--config FILE_OR_DIR... | --server URL) --proxy POD.NAMESPACE [KIND [NAME [FIELD]]]
       keelson explain (--config ... | --server URL) --proxy POD.NAMESPACE host HOST
       keelson explain (--config ... | --server URL) --proxy POD.NAMESPACE error 'TEXT OF ENVOY'
       keelson explain (--config ... | --server URL) [--proxy POD.NAMESPACE] object KIND NAMESPACE/NAME
       keelson explain --config FILE_OR_DIR... --proxy POD.NAMESPACE --suggest-sidecar [--admin URL]

  KIND    cluster, listener, route, endpoint, virtualHost or extension; without it all resources are listed
  NAME    a resource, for example 'outbound|80||store.shop.svc.cluster.local'
  FIELD   a field of it and what is below: 'virtual_hosts[0].routes', 'outlier_detection'

${meshOptionsHelp}
  --proxy NAME    the proxy, by the name of its Pod; for objects all proxies if left out
  --json          machine-readable output

  --suggest-sidecar   print a Sidecar object that lets through only the services the proxy has used since it started
  --admin URL         the admin interface of its Envoy, which counts them; default: ${defaultAdmin}

  keelson explain --config shop/ --proxy web-1.shop route 80 'virtual_hosts[1].routes[0]'
  keelson explain --server http://127.0.0.1:15014 object VirtualService shop/store
`;

const options = {
  ...meshOptions,
  proxy: { type: 'string' },
  json: { type: 'boolean' },
  'suggest-sidecar': { type: 'boolean' },
  admin: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

export async function explain(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], allowPositionals: true, options });
  const { proxy, json = false } = values;
  if (values.help === true) return (io.stdout(help), exit.fine);
  if (values['suggest-sidecar'] === true) {
    if (values.config === undefined) throw new UsageError('--config is missing');
    if (proxy === undefined) throw new UsageError('--proxy is missing');
    const { snapshot } = await loadFiles(values.config);
    return suggestSidecar(snapshot, proxy, values.admin ?? defaultAdmin, json, io);
  }
  const [kind, name, field] = positionals;
  const isAboutAll = kind === 'object' && proxy === undefined;
  if (proxy === undefined && !isAboutAll) throw new UsageError('--proxy is missing');
  const mesh = await openMesh(values);
  if (proxy === undefined || kind === 'object') {
    const proxies = proxy === undefined ? mesh.proxies.map((each) => each.name) : [proxy];
    return explainObject(mesh, positionals.slice(1), proxies, json, io);
  }
  if (name !== undefined && kind === 'host') return explainHost(mesh, proxy, name, json, io);
  if (name !== undefined && kind === 'error') return explainError(mesh, proxy, name, json, io);
  const { resources } = await mesh.read(proxy);
  if (name === undefined) return listResources(resources, kind, json, io);
  return explainResource(resources, [kindOf(kind), name, field], json, io);
}
