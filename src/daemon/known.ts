// What the daemon knows, put together for whoever asks: debug pages, the console, the other replicas.
import type { CertificateHolders } from '../ca/workload/holders.ts';
import { debugAccess, replicaName, routeDelivery } from '../config.ts';
import type { DaemonMetrics } from '../metrics/daemon-metrics.ts';
import type { Configuration, NodeInfo } from '../model/envoy/resource.ts';
import { noPeers } from '../model/proxy/replica.ts';
import type { Authenticate, XdsServer } from '../xds/server.ts';
import { takesHosts, withPushedHosts } from '../xds/subscription/pushed-hosts.ts';
import type { ClusterPart } from './cluster/cluster-part.ts';
import type { Known } from './introspection/introspection.ts';
import type { PushHistory } from './introspection/push-history.ts';
import { injectionState } from './mesh/admission.ts';
import type { LiveMesh } from './mesh/live-mesh.ts';
import type { DaemonOptions } from './options.ts';

export interface KnownParts {
  readonly mesh: LiveMesh;
  readonly certificates: {
    readonly authenticate: Authenticate;
    readonly holders: Pick<CertificateHolders, 'uncertain'>;
  };
  readonly history: Pick<PushHistory, 'latest'>;
  readonly metrics: DaemonMetrics;
  readonly options: DaemonOptions;
  readonly signal: AbortSignal;
  readonly server: () => XdsServer;
  readonly cluster: () => ClusterPart | undefined;
}

export const knownOf = ({ mesh, certificates, history, metrics, options, signal, ...live }: KnownParts): Known => ({
  replica: options.replica ?? replicaName(),
  systemNamespaces: [mesh.installation.systemNamespace, ...debugAccess().namespaces],
  server: live.server,
  translation: () => mesh.translation,
  configuration: (node) => mesh.configuration(node),
  delivered: delivery(mesh),
  snapshot: () => mesh.snapshot,
  problems: () => mesh.problems,
  uncertain: () => certificates.holders.uncertain(),
  pushes: () => history.latest(),
  injection: () => (options.webhookAddress === undefined ? undefined : injectionState(mesh)),
  isReady: () => !signal.aborted,
  peers: async (question) => live.cluster()?.ask(question) ?? noPeers,
  isForwarded: (peer) => live.cluster()?.isForwarded(peer) === true,
  authenticate: certificates.authenticate,
  metricsText: metrics.text,
});

/** Whether routes go to a proxy host by host: by what the daemon is set to, else by what the proxy says. */
export function hostsOneByOne(): (node: NodeInfo) => boolean {
  const fixed = routeDelivery();
  return fixed === undefined ? takesHosts : () => fixed === 'virtual-hosts';
}

function delivery(mesh: LiveMesh): (node: NodeInfo) => Configuration {
  const divides = hostsOneByOne();
  return (node) => (divides(node) ? withPushedHosts(mesh.configuration(node)) : mesh.configuration(node));
}
