// Everything that Gateway API says, as the values that Istio's own APIs become, and the statuses of its objects.
// https://gateway-api.sigs.k8s.io/
import type { Gateway } from '../../../model/mesh/gateway.ts';
import { memo, sharedList, sharedValue } from '../../../model/memo.ts';
import type { MeshSettings, Service, ServiceEndpoints } from '../../../model/mesh/mesh.ts';
import { objectKey } from '../../../model/object.ts';
import type { Problem } from '../../../model/problem.ts';
import type { KindMap } from '../../../model/schema/index.ts';
import type { SnapshotObjects } from '../../../model/snapshot.ts';
import type { ObjectStatus } from '../../../model/status.ts';
import type { VirtualService } from '../../../model/mesh/virtual-service.ts';
import { byObjectAge } from '../order.ts';
import { allGateways, type GatewayResult } from './listeners/gateways.ts';
import type { AttachPoint } from './listeners/listener.ts';
import { backendTlsPolicies } from './policies/backend-tls.ts';
import { backendTraffic, joinedRules } from './policies/backend-traffic.ts';
import { referenceGrants } from './reference-grants.ts';
import type { RouteKind } from './routes/attachment.ts';
import { routeFacts } from './routes/facts.ts';
import { mergedRoutes } from './routes/merge.ts';
import { routeResult, type RouteObject, type RouteResult } from './routes/route.ts';
import { gatewayApiProblems } from './status/problems.ts';
import { gatewayApiStatuses } from './status/statuses.ts';

export interface GatewayApi {
  /** By age of their objects. */
  readonly gateways: readonly Gateway[];
  readonly virtualServices: readonly VirtualService[];
  /** What policies for backends become. */
  readonly destinationRules: readonly KindMap['DestinationRule'][];
  /** Gateways with all that is known of them. */
  readonly results: readonly GatewayResult[];
  readonly problems: readonly Problem[];
  /** `endpoints` are those of the whole mesh: statuses tell whether anybody listens. */
  statuses(endpoints: ReadonlyMap<string, ServiceEndpoints>): readonly ObjectStatus[];
}

/** `services` are all of the mesh; `seen` says which namespaces count. */
export function gatewayApi(
  settings: MeshSettings,
  objects: SnapshotObjects,
  services: readonly Service[],
  seen: (namespace: string) => boolean,
): GatewayApi {
  const { clusterDomain } = settings;
  const grants = referenceGrants(objects.ReferenceGrant);
  const all = allGateways(clusterDomain, objects.KubernetesGateway, objects.GatewayClass, objects.ListenerSet, objects.Namespace, grants, objects.Secret, objects.ConfigMap, settings.features.strictGateways); // prettier-ignore
  const results = within(all, seen);
  const byHost = servicesByHost(services);
  const lookup = {
    grants,
    clusterDomain,
    authorizes: settings.features.strictGateways,
    services: objects.Service,
    entries: objects.ServiceEntry,
    byHost,
    points: attachPoints(results),
  };
  const routes = sharedList(
    routeObjects(objects.HTTPRoute, objects.GRPCRoute, objects.TLSRoute, objects.TCPRoute, settings.features.strictGateways ? objects.UDPRoute : none) // prettier-ignore
      .filter(({ metadata }) => seen(metadata.namespace))
      .map((object) => routeResult(object, sharedValue(routeFacts(object, lookup)))),
  );
  const tls = backendTlsPolicies(clusterDomain, settings.features.strictGateways, objects.BackendTLSPolicy, objects.Service, objects.ServiceEntry, objects.ConfigMap, routes); // prettier-ignore
  const traffic = backendTraffic(clusterDomain, settings.features.strictGateways ? objects.XBackendTrafficPolicy : noPolicies, objects.Service, routes); // prettier-ignore
  const policies = sharedList([...tls.statuses, ...traffic.statuses]);
  return {
    gateways: gatewaysOf(results),
    virtualServices: virtualServicesOf(routes),
    destinationRules: joinedRules(tls.rules, traffic.rules),
    results,
    problems: gatewayApiProblems(objects, results, routes, policies, settings.features.strictGateways),
    statuses: (endpoints) =>
      gatewayApiStatuses({ results, routes, objects, grants, policies, services: byHost, endpoints }),
  };
}

const within = memo((all: readonly GatewayResult[], seen: (namespace: string) => boolean): readonly GatewayResult[] =>
  sharedList(all.filter(({ object }) => seen(object.metadata.namespace))),
);

const gatewaysOf = memo((results: readonly GatewayResult[]): readonly Gateway[] =>
  sharedList(results.flatMap(({ gateways }) => gateways)),
);

const virtualServicesOf = memo((routes: readonly RouteResult[]): readonly VirtualService[] =>
  sharedList(mergedRoutes(routes.flatMap(({ parts }) => parts))),
);

/** By the kind and key of the object that routes name as their parent. */
const attachPoints = memo((results: readonly GatewayResult[]): ReadonlyMap<string, readonly AttachPoint[]> => {
  const points = results.flatMap(({ attach }) => attach);
  return Map.groupBy(points, ({ kind, namespace, name }) => `${kind}/${objectKey(namespace, name)}`);
});

const servicesByHost = memo((services: readonly Service[]): ReadonlyMap<string, readonly Service[]> =>
  Map.groupBy(services, ({ hostname }) => hostname),
);

const none: SnapshotObjects['UDPRoute'] = new Map();
const noPolicies: SnapshotObjects['XBackendTrafficPolicy'] = new Map();

type Routes<K extends RouteKind> = ReadonlyMap<string, KindMap[K]>;

const routeObjects = memo(
  (
    http: Routes<'HTTPRoute'>,
    grpc: Routes<'GRPCRoute'>,
    tls: Routes<'TLSRoute'>,
    tcp: Routes<'TCPRoute'>,
    udp: Routes<'UDPRoute'>,
  ): readonly RouteObject[] =>
    [http, grpc, tls, tcp, udp].flatMap((objects) =>
      [...(objects as ReadonlyMap<string, RouteObject>).values()].toSorted(byObjectAge),
    ),
);
