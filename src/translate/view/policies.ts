// The policies that decide who may talk to one workload.
// https://istio.io/latest/docs/concepts/security/
import { memo, sharedList } from '../../model/memo.ts';
import type { Service } from '../../model/mesh/mesh.ts';
import type { Proxy } from '../../model/proxy/proxy.ts';
import type { WorkloadPolicies } from '../../model/mesh/workload-policies.ts';
import { noPolicies } from '../../model/mesh/workload-policies.ts';
import { authorizerOf } from '../resolve/security/extension-provider.ts';
import type { ResolvedMesh } from '../resolve/mesh.ts';
import { policiesFor } from '../resolve/security/policy-attachment.ts';
import { limitsFor } from '../resolve/rate-limit.ts';
import { tokenRules } from '../resolve/security/request-authentication.ts';

/** The same object for all workloads with the same policies. `served`: the service that a waypoint is asked for. */
export function workloadPolicies(resolved: ResolvedMesh, proxy: Proxy, served?: Service): WorkloadPolicies {
  const { mesh, authorization, authentication, keySets } = resolved;
  const { settings, services } = mesh;
  const own = [settings.rootNamespace, proxy.namespace, ...(served === undefined ? [] : [served.namespace])];
  const policies = policiesFor(authorization, own, proxy, settings.rootNamespace, served);
  const tokens = tokenRules(
    mesh,
    policiesFor(authentication, own.toReversed(), proxy, settings.rootNamespace, served),
    keySets,
  );
  const limited = served === undefined ? limitsFor(resolved, proxy) : noPolicies.limits;
  if (policies.length === 0 && tokens.length === 0 && limited.length === 0) return noPolicies;
  const asked = policies.flatMap(({ spec }) => (spec.action === 'CUSTOM' ? [spec.provider?.name ?? ''] : []));
  const authorizers = [...new Set(asked)].map((name) => authorizerOf(settings, services, name));
  return together(policies, sharedList(authorizers), tokens, limited);
}

const together = memo(
  (
    authorization: WorkloadPolicies['authorization'],
    authorizers: WorkloadPolicies['authorizers'],
    tokens: WorkloadPolicies['tokens'],
    limits: WorkloadPolicies['limits'],
  ): WorkloadPolicies => ({ authorization, authorizers, tokens, limits }),
);
