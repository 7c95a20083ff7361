// How much may be under way with a service at a time, whoever calls: circuit breakers and retry budgets of RateLimitPolicies
// that name it. And with a workload, by policies that are for it.
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

/** Those for a workload: of what its proxy hands on to it. */
export const limitsOfWorkload = memo((limits: readonly WorkloadLimits[]): readonly LoadLimit[] =>
  sharedList(
    limits.flatMap(({ policy, routes }) => {
      const { circuitBreaker } = policy.spec;
      return routes !== undefined || circuitBreaker === undefined
        ? []
        : [sharedValue({ source: at(policy.source, 'spec'), circuitBreaker })];
    }),
  ),
);

const none: readonly LoadLimit[] = sharedList<LoadLimit>([]);

const serviceLimit = memo(({ metadata: { namespace }, spec, source }: RateLimitPolicy): readonly ServiceLimit[] => {
  const { targetRefs = [], circuitBreaker, retryBudget } = spec;
  const services = targetRefs.filter(({ kind }) => kind === 'Service' || kind === 'ServiceEntry');
  if (services.length === 0 || (circuitBreaker === undefined && retryBudget === undefined)) return [];
  const limit: LoadLimit = {
    source: at(source, 'spec'),
    ...(circuitBreaker !== undefined && { circuitBreaker }),
    ...(retryBudget !== undefined && { retryBudget }),
  };
  return [sharedValue({ metadata: { namespace }, spec: { targetRefs: services }, limit: sharedValue(limit) })];
});
