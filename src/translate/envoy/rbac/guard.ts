// All filters that decide who may talk to a workload, as they stand in its chains: first who is asked outside, then what
// tokens prove, then the policies.
// https://istio.io/latest/docs/concepts/security/#authorization-architecture
import { memo } from '../../../model/memo.ts';
import type { MeshSettings } from '../../../model/mesh.ts';
import type { WorkloadPolicies } from '../../../model/workload-policies.ts';
import { noPolicies } from '../../../model/workload-policies.ts';
import { jwtFilters } from '../jwt/jwt-filter.ts';
import { externalAuthorizationFilters } from './external-authorization.ts';
import type { Filters } from './rbac-filter.ts';
import { authorizationFilters } from './rbac-filter.ts';
import { trustDomains } from './trust-domain.ts';

/** Each part is a place in a chain: extensions run between them. */
export interface Guard {
  readonly external: Filters;
  /** Connections have no tokens. */
  readonly authentication: Filters;
  readonly authorization: Filters;
}

const none: Filters = { http: [], tcp: [] };

/** Of connections that are not the workload's own concern. */
export const unguarded: Guard = { external: none, authentication: none, authorization: none };

/** The same filters for all workloads with the same policies; routes of gateways may look at what tokens say. */
export const guardOf = (
  settings: MeshSettings,
  policies: WorkloadPolicies,
  place: 'workload' | 'gateway' = 'workload',
): Guard => (policies === noPolicies ? unguarded : built(settings, policies, place === 'gateway'));

const built = memo((settings: MeshSettings, policies: WorkloadPolicies, routed: boolean): Guard => {
  const { authorization, authorizers, tokens } = policies;
  const domains = trustDomains(settings);
  return {
    external: externalAuthorizationFilters(settings.features.multipleAuthorizers, authorizers, authorization, domains),
    authentication: { http: jwtFilters(tokens, routed), tcp: [] },
    authorization: authorizationFilters(authorization, domains),
  };
});
