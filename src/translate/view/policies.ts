// The policies that decide who may talk to one workload.
// https://istio.io/latest/docs/concepts/security/
import { memo, sharedList } from '../../model/memo.ts';
import type { KeySets } from '../../model/external/key-source.ts';
import type { MeshSettings, Service } from '../../model/mesh/mesh.ts';
import type { Proxy } from '../../model/proxy/proxy.ts';
import type { WorkloadPolicies } from '../../model/mesh/workload-policies.ts';
import { noPolicies } from '../../model/mesh/workload-policies.ts';
import { authorizerOf } from '../resolve/security/extension-provider.ts';
import type { ResolvedMesh } from '../resolve/mesh.ts';
import { policiesFor } from '../resolve/security/policy-attachment.ts';
import { limitsFor } from '../resolve/limits/rate-limit.ts';
import { tokenRules } from '../resolve/security/request-authentication.ts';
import type { OwnBasis } from './view-basis.ts';

/** The same object for all workloads with the same policies. `served`: the service that a waypoint is asked for. */
export const workloadPolicies = (from: OwnBasis, proxy: Proxy, served?: Service): WorkloadPolicies => {
  const { mesh, authorization, authentication, keySets, limits } = from;
  return policiesOf(mesh.settings, keySets, authorization, authentication, limits, mesh.services, served, proxy);
};

const policiesOf = memo(
  (
    settings: MeshSettings,
    keySets: KeySets,
    authorization: ResolvedMesh['authorization'],
    authentication: ResolvedMesh['authentication'],
    limits: ResolvedMesh['limits'],
    services: readonly Service[],
    served: Service | undefined,
    proxy: Proxy,
  ): WorkloadPolicies => {
    const mesh = { settings, services };
    const own = [settings.rootNamespace, proxy.namespace, ...(served === undefined ? [] : [served.namespace])];
    const policies = policiesFor(authorization, own, proxy, settings.rootNamespace, served);
    const proving = policiesFor(authentication, own.toReversed(), proxy, settings.rootNamespace, served);
    const tokens = tokenRules(mesh, proving, keySets);
    const limited = limitsFor({ mesh, limits }, proxy, served);
    if (policies.length === 0 && tokens.length === 0 && limited.length === 0) return noPolicies;
    const asked = policies.flatMap(({ spec }) => (spec.action === 'CUSTOM' ? [spec.provider?.name ?? ''] : []));
    const authorizers = [...new Set(asked)].map((name) => authorizerOf(settings, services, name));
    return together(policies, sharedList(authorizers), tokens, limited);
  },
);

const together = memo(
  (
    authorization: WorkloadPolicies['authorization'],
    authorizers: WorkloadPolicies['authorizers'],
    tokens: WorkloadPolicies['tokens'],
    limits: WorkloadPolicies['limits'],
  ): WorkloadPolicies => ({ authorization, authorizers, tokens, limits }),
);
