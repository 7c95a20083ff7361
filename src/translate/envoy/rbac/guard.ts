// All filters that decide who may talk to a workload, as they stand in its chains: first who is asked outside, then what
// tokens prove, then the policies.
// https://istio.io/latest/docs/concepts/security/#authorization-architecture
import { memo } from '../../../model/memo.ts';
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { WorkloadLimits, WorkloadPolicies } from '../../../model/mesh/workload-policies.ts';
import { noPolicies } from '../../../model/mesh/workload-policies.ts';
import { jwtFilters } from '../jwt/jwt-filter.ts';
import { globalLimitFilters } from '../limit/global-limit.ts';
import { localLimitFilters } from '../limit/local-limit.ts';
import { overloadFilters } from '../limit/overload.ts';
import { externalAuthorizationFilters } from './external-authorization.ts';
import type { Identities } from './attribute.ts';
import type { Filters } from './rbac-filter.ts';
import { authorizationFilters } from './rbac-filter.ts';
import { trustDomains } from './trust-domain.ts';

/** Each part is a place in a chain: extensions run between them. */
export interface Guard {
  readonly external: Filters;
  /** Connections have no tokens. */
  readonly authentication: Filters;
  readonly authorization: Filters;
  /** How much may pass. */
  readonly limits: Filters['http'];
}

const none: Filters = { http: [], tcp: [] };

/** Of connections that are not the workload's own concern. */
export const unguarded: Guard = { external: none, authentication: none, authorization: none, limits: [] };

/** Where the filters stand: routes of gateways and waypoints may look at what tokens say, and to a waypoint callers come through tunnels. */
export type GuardedPlace = 'workload' | 'gateway' | 'waypoint';

/** The same filters for all workloads with the same policies. */
export const guardOf = (settings: MeshSettings, policies: WorkloadPolicies, place: GuardedPlace = 'workload'): Guard =>
  policies === noPolicies ? unguarded : built(settings, policies, place);

const built = memo((settings: MeshSettings, policies: WorkloadPolicies, place: GuardedPlace): Guard => {
  const { authorization, authorizers, tokens, limits } = policies;
  const identities: Identities = {
    trustDomains: trustDomains(settings),
    peer: place === 'waypoint' ? 'tunnel' : 'connection',
  };
  const several = settings.features.multipleAuthorizers;
  return {
    external: externalAuthorizationFilters(several, authorizers, authorization, identities),
    authentication: { http: jwtFilters(tokens, place !== 'workload'), tcp: [] },
    authorization: authorizationFilters(authorization, identities),
    limits: limits.flatMap((each) => limitFilters(each, identities)),
  };
});

/** What costs least goes first. */
const limitFilters = (limits: WorkloadLimits, { peer }: Identities): Guard['limits'] => [
  ...localLimitFilters(limits, peer),
  ...globalLimitFilters(limits, peer),
  ...overloadFilters(limits),
];
