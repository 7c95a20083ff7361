// A mesh for tests of the server: resources of every type, changed at will, and a server that serves them.
import type { Configuration, Layer, Resource } from '../../src/model/envoy/resource.ts';
import type { XdsServer, XdsServerOptions } from '../../src/xds/server.ts';
import { resourceTypes } from '../../src/model/envoy/resource.ts';
import { createXdsServer } from '../../src/xds/server.ts';

export const types = resourceTypes;

export const cluster = (name: string, seconds = 1): Resource => ({
  type: types.cluster,
  name,
  message: { name, type: 'EDS', connect_timeout: `${seconds}s`, eds_cluster_config: { eds_config: { ads: {} } } },
});
/** A cluster that needs no endpoints from the server. */
export const staticCluster = (name: string, seconds = 1): Resource => ({
  type: types.cluster,
  name,
  message: { name, connect_timeout: `${seconds}s` },
});
export const endpoints = (name: string, port = 80): Resource => ({
  type: types.endpoint,
  name,
  message: {
    cluster_name: name,
    endpoints: [
      { lb_endpoints: [{ endpoint: { address: { socket_address: { address: '10.0.0.1', port_value: port } } } }] },
    ],
  },
});
export const listener = (name: string, prefix = ''): Resource => ({
  type: types.listener,
  name,
  message: { name, stat_prefix: prefix },
});
export const route = (name: string, version = 0): Resource => ({
  type: types.route,
  name,
  message: { name, request_headers_to_remove: [`x-${version}`] },
});

export const layer = (scope: string, ...resources: readonly Resource[]): Layer => ({
  scope,
  resources: new Map(resources.map((resource) => [resource.name, resource])),
});

export const empty: Configuration = {
  cluster: [],
  endpoint: [],
  listener: [],
  route: [],
  virtualHost: [],
  extension: [],
};

/** One layer per type. */
export function configuration(parts: { readonly [K in keyof Configuration]?: readonly Resource[] }): Configuration {
  const layers = Object.entries(parts).map(
    ([kind, resources]) => [kind, [layer(`all ${kind}`, ...resources)]] as const,
  );
  return { ...empty, ...(Object.fromEntries(layers) as Partial<Configuration>) };
}

export interface Mesh {
  readonly port: number;
  readonly server: XdsServer;
  /** What was logged, as text. */
  readonly logged: string[];
  change(to: Configuration): Promise<void>;
  close(): Promise<void>;
}

export async function startMesh(initial: Configuration, options: Partial<XdsServerOptions> = {}): Promise<Mesh> {
  let current = initial;
  const logged: string[] = [];
  const note = (message: string, fields?: object): number => logged.push(`${message} ${JSON.stringify(fields)}`);
  const log = { info: note, warn: note, error: note };
  const server = createXdsServer({ translate: () => current, plaintext: true, log, ...options });
  const port = await server.listen('localhost:0');
  const change = (to: Configuration): Promise<void> => {
    current = to;
    return server.update();
  };
  return { port, server, logged, change, close: () => server.close() };
}
