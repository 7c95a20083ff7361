// How much may be under way with a service at a time, whoever calls: circuit breakers and retry budgets of RateLimitPolicies
// that name it. And with whatever a proxy hands on to, by policies that are for the proxy.
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/circuit_breaking
import { memo, sharedList, sharedValue } from '../../../model/memo.ts';
import type { Service } from '../../../model/mesh/mesh.ts';
import type { LoadLimit, RateLimitPolicy, WorkloadLimits } from '../../../model/mesh/workload-policies.ts';
import type { LimitTarget } from '../../../model/schema/index.ts';
import { at } from '../../../model/source.ts';
import { byObjectAge } from '../order.ts';
import { targetsService } from '../scope/policy-target.ts';

/** What one policy says of the services that it names. */
export interface ServiceLimit {
  readonly metadata: { readonly namespace: string };
  readonly spec: { readonly targetRefs: readonly LimitTarget[] };
  readonly limit: LoadLimit;
}

/** The oldest first. The same list as long as these policies say the same of what may be under way. */
export const serviceLimits = memo((policies: ReadonlyMap<string, RateLimitPolicy>): readonly ServiceLimit[] =>
  sharedList([...policies.values()].toSorted(byObjectAge).flatMap((each) => serviceLimit(each))),
);

/** Those for one service. */
export const limitsOfService = (limits: readonly ServiceLimit[], service: Service): readonly LoadLimit[] =>
  limits.length === 0
    ? none
    : sharedList(limits.filter((each) => targetsService(each, service)).map(({ limit }) => limit));

/** Those for a proxy: of what it hands on, a sidecar to its workload, others to where their routes lead. */
export const limitsOfProxy = memo((limits: readonly WorkloadLimits[]): readonly LoadLimit[] =>
  sharedList(
    limits.flatMap(({ policy, routes }) => {
      const limit = loadLimit(policy);
      return routes !== undefined || limit === undefined ? [] : [limit];
    }),
  ),
);

const none: readonly LoadLimit[] = sharedList<LoadLimit>([]);

const serviceLimit = memo((policy: RateLimitPolicy): readonly ServiceLimit[] => {
  const services = (policy.spec.targetRefs ?? []).filter(({ kind }) => kind === 'Service' || kind === 'ServiceEntry');
  const limit = loadLimit(policy);
  if (services.length === 0 || limit === undefined) return [];
  const { namespace } = policy.metadata;
  return [sharedValue({ metadata: { namespace }, spec: { targetRefs: services }, limit })];
});

const loadLimit = ({ source, spec: { circuitBreaker, retryBudget } }: RateLimitPolicy): LoadLimit | undefined =>
  circuitBreaker === undefined && retryBudget === undefined
    ? undefined
    : sharedValue<LoadLimit>({
        source: at(source, 'spec'),
        ...(circuitBreaker !== undefined && { circuitBreaker }),
        ...(retryBudget !== undefined && { retryBudget }),
      });
