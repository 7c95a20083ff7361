// Gateways of Gateway API with the listeners that ListenerSets add: what each listener becomes and where routes attach. Nothing
// here depends on routes, services or endpoints.
// https://gateway-api.sigs.k8s.io/reference/spec/#gateway
import { memo, sharedValue } from '../../../../model/memo.ts';
import type { Gateway, GatewayWorkloads } from '../../../../model/mesh/gateway.ts';
import type { ObjectBase } from '../../../../model/object.ts';
import { objectKey } from '../../../../model/object.ts';
import type { KindMap } from '../../../../model/schema/index.ts';
import { byObjectAge, compareText } from '../../order.ts';
import { gatewayClass, type GatewayClass } from '../gateway-class.ts';
import { clientCertificateFault } from '../status/client-certificate.ts';
import { generationOf, type Fault } from '../status/conditions.ts';
import { routeNamespaces, takesListenersOf } from './allowed-namespaces.ts';
import { isBetweenNetworks } from './between-networks.ts';
import { listenerConflicts } from './conflicts.ts';
import { askedAddresses, deployedName, gatewayServices, isManaged } from './gateway-services.ts';
import { internalName, conflictedListener, resolveListener } from './listener.ts';
import type { AttachPoint, Listener, ListenerResult, Owner } from './listener.ts';
import type { References } from './tls.ts';
import { listenerTls } from './tls.ts';

type KubernetesGateway = KindMap['KubernetesGateway'];
type ListenerSet = KindMap['ListenerSet'];

export interface GatewayResult {
  readonly object: KubernetesGateway;
  readonly gatewayClass: GatewayClass;
  /** Host names of the Services through which it is reached. */
  readonly services: readonly string[];
  /** The service account of what is deployed for it; absent when something else runs it. */
  readonly serviceAccount?: string;
  /** Each has to be one of those that it is reached at. */
  readonly askedAddresses: readonly string[];
  readonly addressFault?: Fault;
  readonly listeners: readonly ListenerResult[];
  readonly sets: readonly ListenerSetResult[];
  readonly gateways: readonly Gateway[];
  readonly attach: readonly AttachPoint[];
}

export interface ListenerSetResult {
  readonly object: ListenerSet;
  /** Why the Gateway does not take it at all. */
  readonly refusal?: Fault;
  readonly listeners: readonly ListenerResult[];
}

/** What listeners are made from, besides the Gateways themselves. */
export interface GatewayInputs extends References {
  readonly classes: ReadonlyMap<string, KindMap['GatewayClass']>;
  readonly sets: ReadonlyMap<string, ListenerSet>;
  readonly namespaces: ReadonlyMap<string, KindMap['Namespace']>;
  readonly clusterDomain: string;
  /** Whether Gateways show their certificates to backends, and listen for datagrams. */
  readonly strict: boolean;
}

/** Those whose class is ours, in the order given. */
export function resolveGateways(
  objects: readonly KubernetesGateway[],
  inputs: GatewayInputs,
): readonly GatewayResult[] {
  const setsByParent = Map.groupBy(inputs.sets.values(), parentOf);
  return objects.flatMap((object) => {
    const ours = gatewayClass(inputs.classes, object.spec.gatewayClassName);
    if (ours === undefined) return [];
    const sets = setsByParent.get(objectKey(object.metadata.namespace, object.metadata.name)) ?? [];
    return resolveGateway(object, ours, sets, inputs);
  });
}

/** '' when it names something else than a Gateway. */
function parentOf({ spec: { parentRef }, metadata }: ListenerSet): string {
  const { group, kind, namespace = metadata.namespace, name } = parentRef;
  return group === 'gateway.networking.k8s.io' && kind === 'Gateway' ? objectKey(namespace, name) : '';
}

function resolveGateway(
  object: KubernetesGateway,
  ours: GatewayClass,
  sets: readonly ListenerSet[],
  inputs: GatewayInputs,
): GatewayResult {
  const { hostnames, fault } = gatewayServices(object, ours, inputs);
  const common = {
    object,
    gatewayClass: ours,
    services: hostnames,
    ...(fault !== undefined && { addressFault: fault }),
    askedAddresses: askedAddresses(object, inputs.strict),
    ...(isManaged(object, inputs.strict) && {
      serviceAccount: deployedName(object, ours, 'gateway.istio.io/service-account'),
    }),
  };
  const refused = sets.flatMap((set): readonly ListenerSetResult[] => {
    const refusal = refusalOf(set, object, ours, inputs.namespaces);
    return refusal === undefined ? [] : [{ object: set, refusal, listeners: [] }];
  });
  const taken = sets
    .filter((set) => refused.every((result) => result.object !== set))
    .toSorted((a, b) => compareSets(a, b));
  if (ours.kind === 'remote' || hostnames.length === 0)
    return { ...common, listeners: [], sets: refused, gateways: [], attach: [] };
  const listeners = ownListeners(object, taken, ours, inputs);
  const own = listeners.get(object) ?? [];
  const results = taken.map((set): ListenerSetResult => ({ object: set, listeners: listeners.get(set) ?? [] }));
  const certificate = shownCertificate(object, inputs);
  const attaching = [own, ...results.map((set) => set.listeners.filter(({ valid }) => valid))].flat();
  return {
    ...common,
    listeners: own,
    sets: [...refused, ...results],
    gateways: [{ object, listeners: own }, ...results].flatMap((owner) =>
      owner.listeners.flatMap((listener) => gatewayOf(owner.object, listener, common, hostnames, certificate)),
    ),
    attach: ours.kind === 'waypoint' ? [] : attaching.flatMap(({ attach }) => attach ?? []),
  };
}

function refusalOf(
  set: ListenerSet,
  gateway: KubernetesGateway,
  { listenerSets }: GatewayClass,
  namespaces: GatewayInputs['namespaces'],
): Fault | undefined {
  const { gatewayClassName } = gateway.spec;
  if (!listenerSets)
    return { reason: 'NotAllowed', message: `Gateways of the class ${gatewayClassName} take no ListenerSets` };
  return takesListenersOf(gateway, set.metadata.namespace, namespaces)
    ? undefined
    : { reason: 'NotAllowed', message: 'The Gateway takes no listeners of this namespace (spec.allowedListeners)' };
}

const compareSets = (a: ListenerSet, b: ListenerSet): number =>
  compareText(a.metadata.creationTimestamp, b.metadata.creationTimestamp) ||
  compareText(objectKey(a.metadata.namespace, a.metadata.name), objectKey(b.metadata.namespace, b.metadata.name));

type Listeners = ReadonlyMap<KubernetesGateway | ListenerSet, readonly ListenerResult[]>;

/** Of the Gateway first, then those of its sets: that is also their order of precedence. */
function ownListeners(
  gateway: KubernetesGateway,
  sets: readonly ListenerSet[],
  ours: GatewayClass,
  inputs: GatewayInputs,
): Listeners {
  const owners = [
    { object: gateway, kind: 'Gateway' as const, listeners: gateway.spec.listeners ?? [] },
    ...sets.map((object) => ({ object, kind: 'ListenerSet' as const, listeners: object.spec.listeners.map(withPort) })),
  ];
  const conflicts = listenerConflicts(
    owners.flatMap(({ listeners }) => listeners),
    inputs.strict,
  );
  let next = 0;
  return new Map(
    owners.map(({ object, kind, listeners }) => [
      object,
      listeners.map((listener, i) => {
        const conflict = conflicts[next++];
        const owner = ownerOf(object, kind);
        return conflict === undefined
          ? builtListener(gateway, owner, object.metadata.labels, listener, i, ours, inputs)
          : conflictedListener(owner, listener, i, conflict, inputs.strict);
      }),
    ]),
  );
}

const ownerOf = ({ source, metadata }: ObjectBase, kind: Owner['kind']): Owner => ({
  source,
  kind,
  namespace: metadata.namespace,
  name: metadata.name,
  generation: generationOf(metadata),
});

/** A set may leave the port to the protocol. */
const withPort = (listener: Listener): Listener =>
  listener.port !== 0 ? listener : { ...listener, port: { HTTP: 80, HTTPS: 443 }[listener.protocol] ?? 0 };

function builtListener(
  { spec }: KubernetesGateway,
  owner: Owner,
  labels: Readonly<Record<string, string>>,
  listener: Listener,
  index: number,
  ours: GatewayClass,
  inputs: GatewayInputs,
): ListenerResult {
  const frontend =
    spec.tls?.frontend?.perPort?.find(({ port }) => port === listener.port)?.tls ?? spec.tls?.frontend?.default;
  return resolveListener(owner, listener, index, {
    gatewayClass: ours,
    namespaces: routeNamespaces(listener.allowedRoutes, owner.namespace, inputs.namespaces),
    tls: listenerTls(owner, listener, frontend, isBetweenNetworks(labels, listener), inputs),
    datagrams: inputs.strict && ours.kind === 'gateway',
  });
}

/** None where it cannot be used, which the Gateway's status says. */
function shownCertificate(object: KubernetesGateway, { strict, grants, secrets }: GatewayInputs): string | undefined {
  const reference = object.spec.tls?.backend?.clientCertificateRef;
  if (!strict || reference === undefined || clientCertificateFault(object, grants, secrets) !== undefined)
    return undefined;
  return `kubernetes-gateway://${reference.namespace ?? object.metadata.namespace}/${reference.name}`;
}

/** Waypoints and tunnels have listeners of their own. */
function gatewayOf(
  owner: ObjectBase,
  { valid, server, source, name }: ListenerResult,
  {
    gatewayClass: { kind },
    object: { metadata },
    serviceAccount,
  }: Pick<GatewayResult, 'gatewayClass' | 'object' | 'serviceAccount'>,
  hostnames: readonly string[],
  clientCertificate: string | undefined,
): readonly Gateway[] {
  if (!valid || server === undefined || kind === 'waypoint' || server.port.protocol === 'HBONE') return [];
  const workloads: GatewayWorkloads = { by: 'services', namespace: metadata.namespace, hostnames };
  return [
    sharedValue<Gateway>({
      source,
      name: internalName(owner.metadata.name, name),
      namespace: owner.metadata.namespace,
      created: owner.metadata.creationTimestamp,
      workloads,
      servers: [{ source, server }],
      ...(serviceAccount !== undefined && { deployed: true }),
      ...(clientCertificate !== undefined && { clientCertificate }),
    }),
  ];
}

/** Remembered as long as none of the objects changes. */
export const allGateways = memo(
  (
    clusterDomain: string,
    objects: ReadonlyMap<string, KubernetesGateway>,
    classes: GatewayInputs['classes'],
    sets: GatewayInputs['sets'],
    namespaces: GatewayInputs['namespaces'],
    grants: GatewayInputs['grants'],
    secrets: GatewayInputs['secrets'],
    configMaps: GatewayInputs['configMaps'],
    strict: boolean,
  ): readonly GatewayResult[] =>
    resolveGateways([...objects.values()].toSorted(byObjectAge), {
      clusterDomain,
      classes,
      sets,
      namespaces,
      grants,
      secrets,
      configMaps,
      strict,
    }),
);
