// A daemon that reads a cluster is one of its replicas: it shares the authority with the others, and one of them writes.
import type { Replicas } from '../ca/root/rotator.ts';
import { replicaName } from '../config.ts';
import type { Trust } from '../controllers/trust-distribution.ts';
import type { LiveMesh } from '../live-mesh.ts';
import type { DaemonOptions } from '../main.ts';
import { objectKey } from '../model/object.ts';
import { authoritySecretName } from './authority.ts';
import { startDuties } from './duties.ts';
import type { GatewayDuties } from './gateway-duties.ts';
import { gatewayDuties } from './gateway-duties.ts';

export interface ClusterContext {
  readonly mesh: LiveMesh;
  readonly certificates: { readonly trust: Trust; refresh(): Promise<void> };
  readonly signal: AbortSignal;
}

export interface ClusterPart {
  /** Absent where the authority is this process's own. */
  readonly replicas: Replicas | undefined;
  /** To be called when the mesh has changed. */
  update(): void;
  /** Resolves after the signal, when what was held is given back. */
  readonly ended: Promise<unknown>;
}

/** Undefined for a daemon that reads a directory. */
export function clusterPart(options: DaemonOptions, context: ClusterContext): ClusterPart | undefined {
  const { config: client, state, log, replica = replicaName() } = options;
  if (typeof client === 'string') return undefined;
  const { mesh, certificates, signal } = context;
  const { systemNamespace, revision } = mesh.installation;
  const isShared = state === undefined;
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
    },
    signal,
    log,
  });
  const key = objectKey(systemNamespace, authoritySecretName);
  let known = mesh.snapshot.objects.Secret.get(key);
  return {
    replicas: isShared ? duties.replicas : undefined,
    update() {
      const before = known;
      known = mesh.snapshot.objects.Secret.get(key);
      if (isShared && known !== before) refresh();
      updateGateways();
    },
    ended: duties.ended,
  };
}
