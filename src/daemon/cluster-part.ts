// A daemon that reads a cluster is one of its replicas: it shares the authority with the others, and one of them writes.
import type { Replicas } from '../ca/root/rotator.ts';
import { replicaName } from '../config.ts';
import type { Trust } from '../controllers/trust-distribution.ts';
import type { LiveMesh } from '../live-mesh.ts';
import type { DaemonOptions } from '../main.ts';
import { objectKey } from '../model/object.ts';
import { authoritySecretName } from './authority.ts';
import type { XdsServer } from '../xds/server.ts';
import { startDuties } from './duties.ts';
import type { GatewayDuties } from './gateway-duties.ts';
import { gatewayDuties } from './gateway-duties.ts';
import { Statuses } from './statuses.ts';

export interface ClusterContext {
  readonly mesh: LiveMesh;
  readonly certificates: { readonly trust: Trust; refresh(): Promise<void> };
  readonly server: XdsServer;
  readonly signal: AbortSignal;
}

export interface ClusterPart {
  /** Absent where the authority is this process's own. */
  readonly replicas: Replicas | undefined;
  /** To be called when the mesh has changed, before its proxies are told. */
  changed(): void;
  /** To be called when proxies have answered, or other problems are known. */
  touched(): void;
  /** Resolves after the signal, when what was held is given back. */
  readonly ended: Promise<unknown>;
}

/** Undefined for a daemon that reads a directory. */
export function clusterPart(options: DaemonOptions, context: ClusterContext): ClusterPart | undefined {
  const { config: client, state, log, replica = replicaName() } = options;
  if (typeof client === 'string') return undefined;
  const { mesh, certificates, server, signal } = context;
  const { systemNamespace, revision } = mesh.installation;
  const isShared = state === undefined;
  const statuses = new Statuses({
    delivery: () => server.delivery(),
    problems: () => mesh.problems,
    others: () => [],
    log,
    signal,
  });
  const refresh = (): void => {
    certificates
      .refresh()
      .catch((error: unknown) =>
        log.error('what other replicas did with the authority cannot be taken up', { reason: String(error) }),
      );
  };
  let gateways: GatewayDuties | undefined;
  const updateGateways = (): void => gateways?.update(mesh.translation.deployments());
  const duties = startDuties({
    client,
    systemNamespace,
    revision,
    replica,
    trust: certificates.trust,
    onElected: (leading) => {
      if (isShared) refresh();
      gateways = gatewayDuties(client, leading, log);
      updateGateways();
      statuses.lead(client, leading);
    },
    signal,
    log,
  });
  followConnections(server, statuses, signal);
  const key = objectKey(systemNamespace, authoritySecretName);
  let known = mesh.snapshot.objects.Secret.get(key);
  return {
    replicas: isShared ? duties.replicas : undefined,
    changed() {
      const before = known;
      known = mesh.snapshot.objects.Secret.get(key);
      if (isShared && known !== before) refresh();
      updateGateways();
      const { snapshot, translation } = mesh;
      void server.update().then(() => statuses.told({ snapshot, translation }));
    },
    touched: () => statuses.touch(),
    ended: duties.ended,
  };
}

/** Proxies that come and go answer nothing. */
function followConnections(server: XdsServer, statuses: Statuses, signal: AbortSignal): void {
  let known = 0;
  const timer = setInterval(() => {
    const { streams } = server.counters();
    if (streams !== known) statuses.touch();
    known = streams;
  }, 5000).unref();
  signal.addEventListener('abort', () => clearInterval(timer));
}
