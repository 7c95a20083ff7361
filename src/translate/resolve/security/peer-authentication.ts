// PeerAuthentication: which form of mutual TLS a workload's ports ask for.
// https://istio.io/latest/docs/reference/config/security/peer_authentication/
import { memo, sharedList, sharedValue } from '../../../model/memo.ts';
import type { MtlsMode } from '../../../model/mesh/mesh.ts';
import type { KindMap } from '../../../model/schema/index.ts';
import type { SourceRef } from '../../../model/source.ts';
import { at } from '../../../model/source.ts';
import { selects } from '../../../model/mesh/labels.ts';
import { byObjectAge } from '../order.ts';

type PeerAuthentication = KindMap['PeerAuthentication'];
type Labels = Readonly<Record<string, string>>;

/**
 * Policies that may concern a namespace: the mesh's, its own for all its workloads, and those that select some. In the
 * root namespace a policy with a selector has no effect.
 */
export interface PeerAuthentications {
  readonly mesh: PeerAuthentication | undefined;
  readonly namespace: PeerAuthentication | undefined;
  readonly workload: readonly PeerAuthentication[];
}

export interface WorkloadMtls {
  readonly mode: MtlsMode;
  /** Ports that differ, by target port number. */
  readonly ports: Readonly<Record<number, MtlsMode>>;
}

type ByNamespace = ReadonlyMap<string, readonly PeerAuthentication[]>;

export const groupPeerAuthentications = (policies: readonly PeerAuthentication[]): ByNamespace =>
  Map.groupBy(policies.toSorted(byObjectAge), (policy) => policy.metadata.namespace);

/** The oldest of several policies for the same scope counts. */
export function peerAuthenticationsFor(
  policies: ByNamespace,
  namespace: string,
  rootNamespace: string,
): PeerAuthentications {
  return select(
    sharedList(policies.get(rootNamespace) ?? []),
    namespace === rootNamespace ? sharedList<PeerAuthentication>([]) : sharedList(policies.get(namespace) ?? []),
  );
}

const select = memo((root: readonly PeerAuthentication[], own: readonly PeerAuthentication[]): PeerAuthentications => ({
  mesh: root.find((policy) => !hasSelector(policy)),
  namespace: own.find((policy) => !hasSelector(policy)),
  workload: own.filter(hasSelector),
}));

const hasSelector = (policy: PeerAuthentication): boolean =>
  Object.keys(policy.spec.selector?.matchLabels ?? {}).length > 0;

/** What the workload with these labels asks for: the narrowest policy that says anything. */
export function workloadMtls(policies: PeerAuthentications, labels: Labels): WorkloadMtls {
  const own = policies.workload.find((policy) => selects(policy.spec.selector?.matchLabels ?? {}, labels));
  const mode = modeOf(own) ?? namespaceMtls(policies);
  const ports: Record<number, MtlsMode> = {};
  for (const [port, setting] of Object.entries(own?.spec.portLevelMtls ?? {}))
    ports[Number(port)] = explicit(setting.mode) ?? mode;
  return sharedValue({ mode, ports });
}

/** Where the workload's modes come from: the policy that selects it, and the one that decides where that says nothing. */
export function mtlsSources(policies: PeerAuthentications, labels: Labels): readonly SourceRef[] {
  const own = policies.workload.find((policy) => selects(policy.spec.selector?.matchLabels ?? {}, labels));
  const common = [policies.namespace, policies.mesh].find((policy) => modeOf(policy) !== undefined);
  const deciding = [own, modeOf(own) === undefined ? common : undefined];
  return sharedValue(deciding.flatMap((policy) => (policy === undefined ? [] : [at(policy.source, 'spec')])));
}

/** What every workload of the namespace asks for that no policy selects. */
export const namespaceMtls = (policies: PeerAuthentications): MtlsMode =>
  modeOf(policies.namespace) ?? modeOf(policies.mesh) ?? 'PERMISSIVE';

const modeOf = (policy: PeerAuthentication | undefined): MtlsMode | undefined => explicit(policy?.spec.mtls?.mode);

const explicit = (mode: string | undefined): MtlsMode | undefined =>
  mode === 'STRICT' || mode === 'PERMISSIVE' || mode === 'DISABLE' ? mode : undefined;
