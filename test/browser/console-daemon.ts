// A daemon for the console's tests: real objects, translation and HTTP, and proxies that only say how far they are. So
// that it can be as large as one likes.
import type { AdminServer } from '../../src/admin/http.ts';
import type { Authority } from '../../src/admin/console/api.ts';
import type { ProxyStatus } from '../../src/model/proxy/proxy-status.ts';
import type { NodeInfo } from '../../src/model/envoy/resource.ts';
import type { ExplainedRejection } from '../../src/daemon/introspection/introspection.ts';
import type { XdsServer } from '../../src/xds/server.ts';

import { monitoringServer } from '../../src/admin/http.ts';
import type { PeerAnswers } from '../../src/model/proxy/replica.ts';
import { noPeers } from '../../src/model/proxy/replica.ts';
import { consoleSource } from '../../src/daemon/introspection/console/console-source.ts';
import { installation } from '../../src/daemon/mesh/installation.ts';
import { controlPlane, explainRejection } from '../../src/daemon/introspection/introspection.ts';
import { LiveMesh } from '../../src/daemon/mesh/live-mesh.ts';
import { resourceTypes } from '../../src/model/envoy/resource.ts';
import { PushHistory } from '../../src/daemon/introspection/push-history.ts';
import { withDerivedSlices } from '../../src/watchers/endpoint-slices.ts';
import { readConfig } from '../../src/watchers/files/config-file.ts';
import { Store } from '../../src/watchers/store.ts';
import { cachedResource } from '../../src/xds/codec/cache.ts';
import { findMessage } from '../../src/xds/codec/descriptors.ts';

export interface ConsoleDaemon {
  readonly url: string;
  readonly mesh: LiveMesh;
  readonly history: PushHistory;
  /** Calls of what is asked of the parts behind, by name. */
  readonly calls: ReadonlyMap<string, number>;
  /** The mesh is this YAML from now on. */
  replace(yaml: string): Promise<void>;
  close(): Promise<void>;
}

export interface ConsoleDaemonOptions {
  readonly yaml: string;
  readonly proxies: readonly SomeProxy[];
  readonly guarded?: boolean;
  /** Everything that the proxies are to have is made, as it is when they are connected. */
  readonly served?: boolean;
  /** What other replicas say. */
  readonly peers?: PeerAnswers;
  readonly authority?: Partial<Authority>;
}

export interface SomeProxy {
  readonly name: string;
  readonly namespace: string;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly role?: 'sidecar' | 'router';
  /** What it does not take, in its words. */
  readonly nack?: string;
  readonly pending?: boolean;
}

export async function startConsoleDaemon(options: ConsoleDaemonOptions): Promise<ConsoleDaemon> {
  const mesh = new LiveMesh(
    installation(),
    { info: () => {}, warn: () => {}, error: () => {} },
    () => {},
    {},
    undefined,
  );
  const history = new PushHistory();
  const store = new Store();
  const calls = new Map<string, number>();
  const replace = async (yaml: string): Promise<void> => {
    const { objects, problems } = readConfig(yaml, 'mesh.yaml', undefined, { findMessage });
    const snapshot = store.apply('files', withDerivedSlices(objects));
    history.changed(mesh.snapshot, snapshot);
    await mesh.replace(snapshot, problems);
  };
  await replace(options.yaml);
  const statuses = options.proxies.map(statusOf);
  if (options.served === true) for (const { node } of statuses) serve(mesh, node);
  const server = stubServer(statuses, mesh);
  const plane = controlPlane({
    replica: 'istiod-1',
    systemNamespaces: ['istio-system'],
    server: () => server,
    translation: () => mesh.translation,
    configuration: (node) => mesh.configuration(node),
    delivered: (node) => mesh.configuration(node),
    snapshot: () => mesh.snapshot,
    problems: () => mesh.problems,
    injection: () => undefined,
    isReady: () => true,
    peers: () => Promise.resolve(options.peers ?? noPeers),
    isForwarded: () => false,
    uncertain: () => [],
    pushes: () => history.latest(),
    authenticate: (metadata) => {
      const [token] = metadata.get('authorization');
      const namespace = /^Bearer token-of-(.+)$/.exec(String(token))?.[1];
      const identity = namespace && { trustDomain: 'cluster.local', namespace, serviceAccount: 'default' };
      return Promise.resolve(identity || undefined);
    },
    metricsText: () => Promise.resolve(''),
  });
  const source = consoleSource({
    mesh,
    history,
    plane,
    authority: () => ({ ...settled, ...options.authority }),
  });
  const counted = Object.fromEntries(
    Object.entries(source).map(([name, call]) => [
      name,
      (...args: never[]) => {
        calls.set(name, (calls.get(name) ?? 0) + 1);
        return (call as (...given: never[]) => unknown)(...args);
      },
    ]),
  ) as unknown as typeof source;
  const faults: unknown[] = [];
  const http: AdminServer = monitoringServer(plane, {
    guarded: options.guarded ?? true,
    console: counted,
    onFault: (fault) => faults.push(fault),
  });
  const port = await http.listen('127.0.0.1:0');
  return {
    url: `http://127.0.0.1:${port}/console/`,
    mesh,
    history,
    calls,
    replace,
    close: async () => {
      await http.close();
      mesh.stop();
      if (faults.length > 0) throw new AggregateError(faults, 'faults of the daemon');
    },
  };
}

function serve(mesh: LiveMesh, node: NodeInfo): void {
  for (const layer of Object.values(mesh.configuration(node)).flat())
    for (const resource of layer.resources.values()) cachedResource(resource);
}

const day = 24 * 3600_000;

const settled: Authority = {
  stage: 'settled',
  origin: 'own',
  waiting: [],
  signer: { subject: 'O=cluster.local, CN=Keelson', notAfter: Date.now() + 3000 * day, left: 0.82, urgency: 0 },
  roots: [{ subject: 'O=cluster.local, CN=Keelson', notAfter: Date.now() + 3000 * day, left: 0.82, urgency: 0 }],
};

function statusOf({ name, namespace, address, labels, role = 'sidecar', nack, pending }: SomeProxy): ProxyStatus {
  const node: NodeInfo = {
    id: `${role}~${address}~${name}.${namespace}~${namespace}.svc.cluster.local`,
    cluster: `${labels['app'] ?? name}.${namespace}`,
    metadata: { NAMESPACE: namespace, LABELS: labels, ISTIO_VERSION: '1.30.0', CLUSTER_ID: 'Kubernetes' },
  };
  const sentAt = Date.now() - 4000;
  const types = [resourceTypes.cluster, resourceTypes.endpoint, resourceTypes.listener, resourceTypes.route].map(
    (type) => {
      const isLast = type === resourceTypes.listener;
      return {
        type,
        resources: 12,
        synced: !(isLast && pending === true),
        sentVersion: 3,
        sentAt,
        ackedVersion: 3,
        ackedAt: sentAt + 12,
        nacks: isLast && nack !== undefined ? 1 : 0,
        lastNack: isLast ? nack : undefined,
      };
    },
  );
  return {
    connection: `${name}.${namespace}-1`,
    proxy: `${name}.${namespace}`,
    namespace,
    peer: `${address}:41000`,
    node,
    identity: { trustDomain: 'cluster.local', namespace, serviceAccount: labels['app'] ?? 'default' },
    connectedSince: Date.now() - 3 * 3600_000,
    synced: pending !== true,
    types,
    unacceptedSecrets: pending === true ? ['default'] : [],
  };
}

const listener = 'virtualInbound';

/** Of everybody who does not take a listener. */
const rejectionsOf = (statuses: readonly ProxyStatus[], mesh: LiveMesh): readonly ExplainedRejection[] =>
  statuses.flatMap(({ node, types }) => {
    const error = types.find(({ lastNack }) => lastNack !== undefined)?.lastNack;
    if (error === undefined) return [];
    const layer = mesh.configuration(node).listener.find(({ resources }) => resources.has(listener));
    const resource = layer?.resources.get(listener);
    if (layer === undefined || resource === undefined) return [];
    const { scope } = layer;
    const rejection = { scope, type: resource.type, name: listener, version: '1', error, resource, nodes: [node.id] };
    return [explainRejection({ ...rejection, since: Date.now() })];
  });

const stubServer = (statuses: readonly ProxyStatus[], mesh: LiveMesh): XdsServer => ({
  listen: () => Promise.resolve(0),
  listenPlaintext: () => Promise.resolve(0),
  update: () => Promise.resolve(),
  status: () => statuses,
  held: () => new Map(),
  rejections: () => rejectionsOf(statuses, mesh),
  delivery: () => ({ proxies: [], refusals: [] }),
  counters: () => ({ bugs: 0, cycles: 0, pushes: 0, resourcesSent: 0, bytesSent: 0, nacks: 0, streams: 0 }),
  close: () => Promise.resolve(),
});
