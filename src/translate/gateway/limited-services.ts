// What gateways and waypoints may have under way with the services that they send to, by RateLimitPolicies that are for them:
// whatever they were asked for, they hand it on. What holds for every caller of a service is in its view already.
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/circuit_breaking
import { memo, memoEach, sharedList, sharedValue, withOthers } from '../../model/memo.ts';
import type { LoadLimit } from '../../model/mesh/workload-policies.ts';
import type { ServiceView, VirtualServiceView } from '../../model/view.ts';
import { destinations } from './gateway-services.ts';

type Routes = readonly (readonly VirtualServiceView[])[];

/** `services` with the limits in those that `routes` lead to: what a proxy asks for its own sake is not handed on. */
export function limitedDestinations(
  limits: readonly LoadLimit[],
  services: readonly ServiceView[],
  routes: Routes,
): readonly ServiceView[] {
  if (limits.length === 0) return services;
  const led = new Set(destinations(services, routes));
  const positions = services.flatMap((view, i) => (led.has(view) ? [i] : []));
  const views = positions.map((i) => limitedService(limits, services[i] as ServiceView));
  return withOthers(services, sharedValue(positions), sharedList(views), limits);
}

/** `services`, each with the limits. */
export const limitedServices = (
  limits: readonly LoadLimit[],
  services: readonly ServiceView[],
): readonly ServiceView[] => (limits.length === 0 ? services : each(limits, services));

const each = memoEach((limits: readonly LoadLimit[], view: ServiceView): ServiceView => limitedService(limits, view));

export const limitedService = (limits: readonly LoadLimit[], view: ServiceView): ServiceView =>
  limits.length === 0 ? view : limited(limits, view);

const limited = memo((limits: readonly LoadLimit[], view: ServiceView): ServiceView => ({
  ...view,
  limits: sharedList([...view.limits, ...limits]),
}));
