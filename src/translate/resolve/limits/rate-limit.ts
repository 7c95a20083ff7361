// RateLimitPolicies: which ones hold for one proxy, for which of its routes, and the services that count for them.
import { memo, sharedList } from '../../../model/memo.ts';
import type { Mesh, MeshSettings, Service } from '../../../model/mesh/mesh.ts';
import type { Problem } from '../../../model/problem.ts';
import type { Proxy } from '../../../model/proxy/proxy.ts';
import type {
  AskedService,
  LimitedRoute,
  RateLimitPolicy,
  WorkloadLimits,
} from '../../../model/mesh/workload-policies.ts';
import { askedService, nobodyToAsk } from '../extensions/asked-service.ts';
import type { ResolvedMesh } from '../mesh.ts';
import { targetedBy, targetsService } from '../scope/policy-target.ts';

/** What limits are found in. */
interface Limiting {
  readonly mesh: Pick<Mesh, 'settings' | 'services'>;
  readonly limits: ResolvedMesh['limits'];
}

/**
 * Routes are limited at gateways, wherever these are. The same list for all proxies with the same limits. `served` is the
 * service that a waypoint is asked for: policies of its namespace can be about it alone.
 */
export function limitsFor({ mesh, limits }: Limiting, proxy: Proxy, served?: Service): readonly WorkloadLimits[] {
  if (limits.size === 0) return none;
  const { settings, services } = mesh;
  const own = [...new Set([settings.rootNamespace, proxy.namespace, served?.namespace ?? proxy.namespace])];
  const attached = own
    .flatMap((namespace) => limits.get(namespace) ?? [])
    .filter(
      (policy) =>
        targetedBy(policy, proxy, settings.rootNamespace) || (served !== undefined && targetsService(policy, served)),
    );
  const routed = proxy.type === 'router' ? [...limits.values()].flat() : [];
  return sharedList([
    ...attached.map((policy) => workloadLimits(policy, serviceOf(policy, services, settings))),
    ...routed.filter((policy) => !attached.includes(policy)).flatMap((policy) => routeLimits(policy) ?? []),
  ]);
}

const none: readonly WorkloadLimits[] = [];

const workloadLimits = memo((policy: RateLimitPolicy, service: AskedService | undefined): WorkloadLimits => ({
  policy,
  ...(service !== undefined && { service }),
}));

const routeLimits = memo((policy: RateLimitPolicy): WorkloadLimits | undefined => {
  const { namespace } = policy.metadata;
  const routes = (policy.spec.targetRefs ?? []).flatMap(({ kind, name }): LimitedRoute[] =>
    kind === 'HTTPRoute' || kind === 'VirtualService' ? [{ kind, namespace, name }] : [],
  );
  return routes.length === 0 ? undefined : { policy, routes };
});

const serviceOf = (
  { metadata: { namespace }, spec: { global } }: RateLimitPolicy,
  services: readonly Service[],
  settings: MeshSettings,
): AskedService | undefined => (global === undefined ? undefined : askedService(global, namespace, services, settings));

/** Services that nobody knows: then limits of the mesh as a whole are not kept, or everything is refused. */
export const limitProblems = (
  policies: ReadonlyMap<string, RateLimitPolicy>,
  services: readonly Service[],
  settings: MeshSettings,
): readonly Problem[] =>
  [...policies.values()].flatMap((policy): Problem[] => {
    const { global } = policy.spec;
    if (global === undefined || serviceOf(policy, services, settings) !== undefined) return [];
    const effect = global.onFailure === 'DENY' ? 'every request is refused' : 'nothing is limited by it';
    return [nobodyToAsk(policy, 'unknown-rate-limit-service', 'spec.global.service', global.service, effect)];
  });
