// The statuses of all objects of Gateway API, each remembered by what it says.
// https://gateway-api.sigs.k8s.io/guides/implementers/#status
import { memo, sharedValue } from '../../../../model/memo.ts';
import type { Service, ServiceEndpoints } from '../../../../model/mesh/mesh.ts';
import type { NumberedPort } from '../../../../model/mesh/service-port.ts';
import { portKey } from '../../../../model/mesh/service-port.ts';
import type { SnapshotObjects } from '../../../../model/snapshot.ts';
import type { ObjectStatus } from '../../../../model/status.ts';
import { compareText } from '../../order.ts';
import type { GatewayResult } from '../listeners/gateways.ts';
import type { AttachPoint, ListenerResult } from '../listeners/listener.ts';
import type { ReferenceGrants } from '../reference-grants.ts';
import type { RouteResult } from '../routes/route.ts';
import { clientCertificateFault } from './client-certificate.ts';
import type { AddressInputs } from './gateway-addresses.ts';
import { gatewayAddresses } from './gateway-addresses.ts';
import type { AttachedRoutes } from './gateway-status.ts';
import { gatewayClassStatuses, gatewayStatus, listenerSetStatus } from './gateway-status.ts';

export interface StatusInputs {
  readonly results: readonly GatewayResult[];
  readonly routes: readonly RouteResult[];
  readonly objects: SnapshotObjects;
  readonly grants: ReferenceGrants;
  /** Of BackendTLSPolicies. */
  readonly policies: readonly ObjectStatus[];
  readonly services: ReadonlyMap<string, readonly Service[]>;
  readonly endpoints: ReadonlyMap<string, ServiceEndpoints>;
}

export function gatewayApiStatuses(inputs: StatusInputs): readonly ObjectStatus[] {
  const { results, routes, objects, policies, services, endpoints } = inputs;
  const attached = attachedRoutes(routes);
  const lookup: AddressInputs = { services, endpoints, objects: objects.Service };
  return [
    ...gatewayClassStatuses(objects.GatewayClass),
    ...results.flatMap((result) => statusesOf(result, inputs, lookup, attached)),
    ...routes.map((route) => routeStatus(route)),
    ...policies,
  ];
}

function statusesOf(
  result: GatewayResult,
  { grants, objects }: StatusInputs,
  lookup: AddressInputs,
  attached: ReadonlyMap<string, readonly AttachPoint[]>,
): readonly ObjectStatus[] {
  const { object, sets, services, listeners } = result;
  const { namespace, name } = object.metadata;
  const usedBySets = sets.flatMap((set) => set.listeners.filter(({ valid }) => valid));
  const addressed = (own: readonly ListenerResult[]) =>
    sharedValue(gatewayAddresses(services, namespace, portsOf(own), lookup));
  const routesAt = (kind: string, ownNamespace: string, ownName: string): AttachedRoutes =>
    sharedValue(countBySection(attached.get(`${kind}/${ownNamespace}/${ownName}`) ?? []));
  const clientFault = clientCertificateFault(object, grants, objects.Secret);
  return [
    gatewayStatus(
      result,
      addressed([...listeners, ...usedBySets]),
      clientFault && sharedValue(clientFault),
      routesAt('Gateway', namespace, name),
    ),
    ...sets.map((set) => {
      const own = set.object.metadata;
      return listenerSetStatus(result, set, addressed(set.listeners), routesAt('ListenerSet', own.namespace, own.name));
    }),
  ];
}

const portsOf = (listeners: readonly ListenerResult[]): readonly NumberedPort[] => [
  ...new Map(
    listeners.flatMap(({ server }) => (server === undefined ? [] : [[portKey(server.port), server.port]])),
  ).values(),
];

/** By the object that has the listeners. */
const attachedRoutes = memo((routes: readonly RouteResult[]): ReadonlyMap<string, readonly AttachPoint[]> =>
  Map.groupBy(
    routes.flatMap((route) => route.attached),
    ({ kind, namespace, name }) => `${kind}/${namespace}/${name}`,
  ),
);

function countBySection(points: readonly AttachPoint[]): AttachedRoutes {
  const sections = [...Map.groupBy(points, ({ section }) => section)];
  return Object.fromEntries(
    sections.toSorted(([a], [b]) => compareText(a, b)).map(([section, own]) => [section, own.length]),
  );
}

const routeStatus = memo(({ object, parents }: RouteResult): ObjectStatus => ({
  kind: object.kind,
  namespace: object.metadata.namespace,
  name: object.metadata.name,
  status: { parents },
}));
