// What stands behind a waypoint: the services and workloads that use it, and what each service asks of its callers.
// https://istio.io/latest/docs/ambient/usage/waypoint/
import { memo, sharedList, sharedValue } from '../../model/memo.ts';
import type { Problem } from '../../model/problem.ts';
import { describeProblem } from '../../model/problem.ts';
import type { Service } from '../../model/mesh/mesh.ts';
import { podAddresses } from '../../model/mesh/pod.ts';
import { isDatagram } from '../../model/mesh/service-port.ts';
import type { Proxy } from '../../model/proxy/proxy.ts';
import type { OutboundView, ProxyView, ServiceView, VirtualServiceView } from '../../model/view.ts';
import type { WorkloadPolicies } from '../../model/mesh/workload-policies.ts';
import { httpFacts } from '../envoy/listener/listener-facts.ts';
import type { HttpFacts } from '../envoy/listener/listener-facts.ts';
import type { Entrance } from '../envoy/rbac/policy-problems.ts';
import { entranceProblems } from '../envoy/rbac/policy-problems.ts';
import type { PodIndex } from '../resolve/kubernetes/pods.ts';
import type { ResolvedMesh } from '../resolve/mesh.ts';
import { byAge } from '../resolve/order.ts';
import { gatewayNameLabel } from '../resolve/scope/policy-target.ts';
import { workloadTelemetry } from '../resolve/telemetry/workload-telemetry.ts';
import type { Waypoint, Waypoints } from '../resolve/waypoint/waypoints.ts';
import { workloadPolicies } from '../view/policies.ts';

export interface ServedService {
  readonly view: ServiceView;
  readonly policies: WorkloadPolicies;
  /** How its requests are served: what is observed of them is up to the service, too. */
  readonly facts: HttpFacts;
  /** What says where its requests go, if anything does. */
  readonly routes: VirtualServiceView | undefined;
}

export interface Served {
  /** The oldest first. */
  readonly services: readonly ServedService[];
  /** Addresses of workloads that can be asked for themselves. */
  readonly workloads: readonly string[];
}

export function servedBy(resolved: ResolvedMesh, proxy: Proxy, outbound: OutboundView): Served {
  const { waypoints, pods } = resolved;
  const own = waypoints.byName(proxy.namespace, proxy.labels[gatewayNameLabel] ?? '');
  if (own === undefined) return nothing;
  const routes = outbound.egress.find(({ port }) => port === undefined)?.virtualServices ?? [];
  return {
    services: using(waypoints, own, outbound.services).map((view) =>
      served(
        view,
        workloadPolicies(resolved, proxy, view.service),
        serviceFacts(resolved, proxy, view.service),
        routesOf(routes, view.service),
      ),
    ),
    workloads: workloadsUsing(waypoints, own, pods),
  };
}

const nothing: Served = { services: [], workloads: [] };

const serviceFacts = ({ mesh, telemetries }: ResolvedMesh, proxy: Proxy, service: Service): HttpFacts =>
  httpFacts(mesh.settings, proxy, workloadTelemetry(mesh, telemetries, proxy, service).server);

const served = memo(
  (
    view: ServiceView,
    policies: WorkloadPolicies,
    facts: HttpFacts,
    routes: VirtualServiceView | undefined,
  ): ServedService => ({ view, policies, facts, routes }),
);

const using = memo((waypoints: Waypoints, own: Waypoint, services: readonly ServiceView[]): readonly ServiceView[] =>
  sharedList(
    services
      .filter(({ service }) => waypoints.ofService(service) === own)
      .toSorted(({ service: a }, { service: b }) => byAge(a, b)),
  ),
);

const workloadsUsing = memo((waypoints: Waypoints, own: Waypoint, pods: PodIndex): readonly string[] =>
  own.takes === 'service'
    ? none
    : sharedValue(
        [...pods.all()]
          .filter(({ metadata, spec }) => spec?.hostNetwork !== true && waypoints.ofWorkload(metadata) === own)
          .flatMap(podAddresses)
          .toSorted(),
      ),
);

const none: readonly string[] = [];

/** The first one decides alone. */
const routesOf = (all: readonly VirtualServiceView[], { hostname }: Service): VirtualServiceView | undefined =>
  all.find(({ virtualService }) => virtualService.hosts.includes(hostname) && virtualService.http.length > 0);

/** What policies of the services behind this waypoint cannot see. Who comes through a tunnel is known. */
export function waypointConflicts(resolved: ResolvedMesh, { proxy, outbound }: ProxyView): readonly Problem[] {
  const { services } = servedBy(resolved, proxy, outbound);
  const byPolicies = Map.groupBy(services, ({ policies }) => policies);
  const problems = [...byPolicies].flatMap(([policies, own]) => entranceProblems(policies, entrancesOf(own)));
  return [...new Map(problems.map((problem) => [`${problem.code} ${describeProblem(problem)}`, problem])).values()];
}

const entrancesOf = (services: readonly ServedService[]): readonly Entrance[] =>
  sharedList(
    services.flatMap(({ view }) =>
      view.service.ports
        .filter((port) => !isDatagram(port))
        .map(({ number, protocol }) => sharedValue<Entrance>({ port: number, protocol, callers: 'known' })),
    ),
  );
