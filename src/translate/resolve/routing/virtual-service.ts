// VirtualServices as meaning: hosts and gateways written out in full, delegates joined into their roots. Each is
// remembered by the objects it came from, so that one changed object makes one new VirtualService.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/
import type { Destination, HTTPRoute, KindMap } from '../../../model/schema/index.ts';
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { SourcedRoute, VirtualService } from '../../../model/mesh/virtual-service.ts';
import { memo, sharedList, sharedValue } from '../../../model/memo.ts';
import { objectKey } from '../../../model/object.ts';
import { at } from '../../../model/source.ts';
import { joinDelegate, type Joined } from './delegates.ts';
import { resolveHost } from './host.ts';
import { byObjectAge } from '../order.ts';
import { isVisible, visibility } from '../scope/visibility.ts';

export type VirtualServiceObject = KindMap['VirtualService'];

/** The gateway name that stands for all sidecars. */
export const meshGateway = 'mesh';

/** Sorted by age; those without hosts are delegates, and appear only inside the ones that name them. */
export function resolveVirtualServices(
  objects: readonly VirtualServiceObject[],
  settings: MeshSettings,
): readonly VirtualService[] {
  const defaults = sharedValue({
    clusterDomain: settings.clusterDomain,
    exportTo: settings.defaultVirtualServiceExportTo ?? [],
  });
  const parts = objects.filter(isDelegate);
  const partsByKey = new Map(
    parts.map((object) => [objectKey(object.metadata.namespace, object.metadata.name), object]),
  );
  const resolved = objects
    .filter((object) => !isDelegate(object))
    .toSorted(byObjectAge)
    .map((object) => {
      const delegates = delegateKeys(object).flatMap((key) => partsByKey.get(key) ?? []);
      return virtualService(defaults, object, sharedList(delegates));
    });
  return sharedList(resolved);
}

/** Every host that its routes lead to or mirror to, fully qualified. */
export const destinationHosts = memo((service: VirtualService): readonly string[] => {
  const http = service.http.flatMap(({ route }) => [
    ...(route.route ?? []).map((weighted) => weighted.destination),
    ...(route.mirror === undefined ? [] : [route.mirror]),
    ...(route.mirrors ?? []).map((mirror) => mirror.destination),
  ]);
  const other = [...service.tls, ...service.tcp].flatMap(({ route }) =>
    (route.route ?? []).map((weighted) => weighted.destination),
  );
  const asked = service.http.flatMap(({ authorizer }) => authorizer ?? []);
  return [...new Set([...http, ...other, ...asked].map(({ host }) => host))].toSorted();
});

/** Whether some match asks for labels of the calling workload. */
export const usesSourceLabels = memo((service: VirtualService): boolean =>
  matchesOf(service).some((match) => Object.keys(match.sourceLabels ?? {}).length > 0),
);

/** Whether some match asks for the namespace of the calling workload. */
export const usesSourceNamespace = memo((service: VirtualService): boolean =>
  matchesOf(service).some((match) => (match.sourceNamespace ?? '') !== ''),
);

const matchesOf = (service: VirtualService) =>
  [...service.http, ...service.tls, ...service.tcp].flatMap(({ route }) => route.match ?? []);

const isDelegate = (object: VirtualServiceObject): boolean => (object.spec.hosts ?? []).length === 0;

interface Defaults {
  readonly clusterDomain: string;
  readonly exportTo: readonly string[];
}

/** Where names written in an object are looked up. */
interface Scope {
  readonly namespace: string;
  readonly clusterDomain: string;
}

const delegateKeyOf = (route: HTTPRoute, namespace: string): string | undefined =>
  route.delegate === undefined
    ? undefined
    : objectKey(route.delegate.namespace || namespace, route.delegate.name ?? '');

const delegateKeys = (object: VirtualServiceObject): readonly string[] => [
  ...new Set((object.spec.http ?? []).flatMap((route) => delegateKeyOf(route, object.metadata.namespace) ?? [])),
];

const virtualService = memo(
  (defaults: Defaults, object: VirtualServiceObject, delegates: readonly VirtualServiceObject[]): VirtualService => {
    const { spec, source, metadata } = object;
    const scope = { namespace: metadata.namespace, clusterDomain: defaults.clusterDomain };
    const joined = ownRoutes(object, scope).map((root) => withDelegate(defaults, scope, root, delegates));
    return {
      source,
      api: 'istio',
      name: metadata.name,
      namespace: metadata.namespace,
      created: metadata.creationTimestamp,
      hosts: (spec.hosts ?? []).map((host) => resolveHost(host, scope.namespace, scope.clusterDomain)),
      gateways: gatewayNames(spec.gateways, scope.namespace) ?? [meshGateway],
      visibility: visibility(spec.exportTo, metadata.namespace, defaults.exportTo),
      http: joined.flatMap((one) => one.routes),
      tls: (spec.tls ?? []).map((route, i) => ({
        source: at(source, `spec.tls[${i}]`),
        route: inFull(route, scope),
      })),
      tcp: (spec.tcp ?? []).map((route, i) => ({
        source: at(source, `spec.tcp[${i}]`),
        route: inFull(route, scope),
      })),
      problems: joined.flatMap((one) => one.problems),
    };
  },
);

const ownRoutes = (object: VirtualServiceObject, scope: Scope): readonly SourcedRoute<HTTPRoute>[] =>
  (object.spec.http ?? []).map((route, i) => ({
    source: at(object.source, `spec.http[${i}]`),
    route: httpInFull(route, scope),
  }));

/** The route itself, or what the VirtualService that it delegates to makes of it. */
function withDelegate(
  defaults: Defaults,
  scope: Scope,
  root: SourcedRoute<HTTPRoute>,
  delegates: readonly VirtualServiceObject[],
): Joined {
  const key = delegateKeyOf(root.route, scope.namespace);
  if (key === undefined) return { routes: [root], problems: [] };
  const delegate = delegates.find((object) => objectKey(object.metadata.namespace, object.metadata.name) === key);
  if (delegate === undefined) return unusable(root, `VirtualService ${key} does not exist, or has hosts of its own`);
  const { namespace } = delegate.metadata;
  if (!isVisible(visibility(delegate.spec.exportTo, namespace, defaults.exportTo), scope.namespace)) {
    return unusable(root, `VirtualService ${key} is not exported to namespace ${scope.namespace}`);
  }
  return joinDelegate(root, ownRoutes(delegate, { namespace, clusterDomain: scope.clusterDomain }));
}

const unusable = (root: SourcedRoute<HTTPRoute>, reason: string): Joined => ({
  routes: [],
  problems: [
    {
      code: 'unknown-delegate',
      severity: 'warning',
      message: `The route delegates to a VirtualService that it cannot use: ${reason}. The route is left out.`,
      source: at(root.source, 'delegate'),
    },
  ],
});

/** `mesh` and `namespace/name` stay, `name` is a gateway of `namespace`; undefined when none is named. */
export function gatewayNames(names: readonly string[] | undefined, namespace: string): readonly string[] | undefined {
  if (names === undefined || names.length === 0) return undefined;
  return names.map((name) => {
    if (name === meshGateway) return name;
    const [first = '', second] = name.split('/', 2);
    if (second !== undefined) return `${first === '.' ? namespace : first}/${second}`;
    const [short = '', owner] = first.split('.', 2);
    return `${owner ?? namespace}/${short}`;
  });
}

const destinationInFull = (destination: Destination, scope: Scope): Destination => ({
  ...destination,
  host: resolveHost(destination.host, scope.namespace, scope.clusterDomain),
});

interface Routing {
  readonly match?: readonly { readonly gateways?: readonly string[] }[];
  readonly route?: readonly { readonly destination: Destination }[];
}

/** Names of gateways and destinations, which routes of all protocols have. */
function inFull<R extends Routing>(route: R, scope: Scope): R {
  return {
    ...route,
    ...(route.match !== undefined && {
      match: route.match.map((match) => {
        const gateways = gatewayNames(match.gateways, scope.namespace);
        return gateways === undefined ? match : { ...match, gateways };
      }),
    }),
    ...(route.route !== undefined && {
      route: route.route.map((weighted) => ({
        ...weighted,
        destination: destinationInFull(weighted.destination, scope),
      })),
    }),
  };
}

function httpInFull(route: HTTPRoute, scope: Scope): HTTPRoute {
  const { mirror, mirrors } = route;
  return {
    ...inFull(route, scope),
    ...(mirror !== undefined && { mirror: destinationInFull(mirror, scope) }),
    ...(mirrors !== undefined && {
      mirrors: mirrors.map((one) => ({ ...one, destination: destinationInFull(one.destination, scope) })),
    }),
  };
}
