// Patches of route configurations, their virtual hosts and the routes in these.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/#EnvoyFilter-RouteConfigurationMatch
import { invariant } from '../../../model/invariant.ts';
import type { MessageDescriptor, MessageTypes } from '../../../model/message/descriptor.ts';
import { patchedMessages } from '../../../model/envoy/patched-messages.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import type { PatchContext } from '../conditions.ts';
import { isFor } from '../conditions.ts';
import { patchList } from '../list-patch.ts';
import { mergeMessages } from '../merge.ts';
import type { Patch } from '../patch.ts';
import type { Tally } from '../tally.ts';
import { hit } from '../tally.ts';

type RouteConfiguration = MessageOf['envoy.config.route.v3.RouteConfiguration'];
type VirtualHost = MessageOf['envoy.config.route.v3.VirtualHost'];
type Route = MessageOf['envoy.config.route.v3.Route'];

export interface RoutePatching {
  readonly types: MessageTypes;
  readonly context: PatchContext;
  /** Ports of Services that lead to a port of the gateway, by that port; where there are none it is the port itself. */
  readonly servicePorts: Readonly<Record<number, readonly number[]>>;
  readonly tally: Tally;
}

/** Those of `patches` that are about the route configuration of this name. */
export const patchesOfRoutes = (
  patches: readonly Patch[],
  { context, servicePorts }: RoutePatching,
  name: string,
): readonly Patch[] =>
  patches.filter((patch) => isFor(patch, context) && meetsConfiguration(patch, context, name, servicePorts));

/** With its virtual hosts inside. `patches` are those of `patchesOfRoutes`. */
export function patchRouteConfiguration(
  patching: RoutePatching,
  routes: RouteConfiguration,
  patches: readonly Patch[],
): RouteConfiguration {
  if (patches.length === 0) return routes;
  const merged = mergeConfiguration(patching, routes, patches);
  const before = merged.virtual_hosts ?? [];
  const kept = before.flatMap((host) => patchVirtualHost(patching, host, patches) ?? []);
  const added = addedHosts(patching, patches);
  const same = added.length === 0 && kept.length === before.length && kept.every((host, i) => host === before[i]);
  return same ? merged : { ...merged, virtual_hosts: [...kept, ...added] };
}

/** Only what the configuration itself says. */
export function mergeConfiguration(
  { types, tally }: RoutePatching,
  routes: RouteConfiguration,
  patches: readonly Patch[],
): RouteConfiguration {
  return patches
    .filter((patch) => patch.applyTo === 'ROUTE_CONFIGURATION' && isMerge(patch))
    .reduce<RouteConfiguration>((message, patch) => mergeHit(types, message, patch, tally), routes);
}

export const addedHosts = ({ tally }: RoutePatching, patches: readonly Patch[]): readonly VirtualHost[] =>
  patches
    .filter(({ applyTo, operation }) => applyTo === 'VIRTUAL_HOST' && operation === 'ADD')
    .map((patch) => {
      hit(tally, patch);
      return patch.value;
    });

/** Undefined if it is removed. */
export function patchVirtualHost(
  { types, tally }: Pick<RoutePatching, 'types' | 'tally'>,
  host: VirtualHost,
  patches: readonly Patch[],
): VirtualHost | undefined {
  let patched = host;
  for (const patch of patches) {
    const { applyTo, operation } = patch;
    if (applyTo !== 'VIRTUAL_HOST' || operation === 'ADD' || !meetsHost(patch, patched)) continue;
    if (operation === 'REMOVE') {
      hit(tally, patch);
      return undefined;
    }
    if (isMerge(patch)) patched = mergeHit(types, patched, patch, tally);
    else if (operation === 'REPLACE') {
      hit(tally, patch);
      patched = patch.value;
    }
  }
  const own = patches.filter((patch) => patch.applyTo === 'HTTP_ROUTE' && meetsHost(patch, patched));
  const before = patched.routes ?? [];
  const routes = patchRoutes(types, before, own, tally);
  return routes === before ? patched : { ...patched, routes };
}

/** First what is done to the routes that are there, then those that come. */
function patchRoutes(
  types: MessageTypes,
  routes: readonly Route[],
  patches: readonly Patch[],
  tally: Tally,
): readonly Route[] {
  if (patches.length === 0) return routes;
  const kept = routes.flatMap((route) => patchRoute(types, route, patches, tally) ?? []);
  const same = kept.length === routes.length && kept.every((route, i) => route === routes[i]);
  const rules = {
    names: ({ match }: Patch) => match.routeConfiguration?.vhost?.route !== undefined,
    isMeant: meetsRoute,
    firstNeedsElement: true,
  };
  return patches
    .filter(({ operation }) => operation === 'ADD' || operation.startsWith('INSERT_'))
    .reduce((list, patch) => patchList(list, patch, rules, tally), same ? routes : kept);
}

function patchRoute(types: MessageTypes, route: Route, patches: readonly Patch[], tally: Tally): Route | undefined {
  let patched = route;
  for (const patch of patches) {
    const removes = patch.operation === 'REMOVE';
    if ((!removes && !isMerge(patch)) || !meetsRoute(patch, patched)) continue;
    if (removes) {
      hit(tally, patch);
      return undefined;
    }
    patched = mergeHit(types, patched, patch, tally);
  }
  return patched;
}

const isMerge = ({ operation }: Patch): boolean => operation === 'MERGE' || operation === 'MERGE_AND_REPLACE_LIST';

function mergeHit<T extends object>(types: MessageTypes, message: T, patch: Patch, tally: Tally): T {
  hit(tally, patch);
  const { source, operation, value } = patch;
  const merging = { source, replaceLists: operation === 'MERGE_AND_REPLACE_LIST' };
  return mergeMessages(typeOf(types, patch), message, value, merging) as T;
}

/** The patch's value was read as one. */
export function typeOf(types: MessageTypes, { applyTo }: Patch): MessageDescriptor {
  const type = types.find(patchedMessages[applyTo] ?? '');
  invariant(type !== undefined, `no message type for ${applyTo}`);
  return type;
}

function meetsConfiguration(
  { match: { routeConfiguration: wanted } }: Patch,
  context: PatchContext,
  name: string,
  servicePorts: RoutePatching['servicePorts'],
): boolean {
  if (wanted === undefined) return true;
  const { name: wantedName = '', portNumber = 0, portName = '', gateway = '' } = wanted;
  if (wantedName !== '' && wantedName !== name) return false;
  if (context !== 'GATEWAY') return portNumber === 0 || portNumber === portOf(name);
  const named = gatewayRoutes(name);
  const ports = servicePorts[named.port] ?? [named.port];
  return (
    (portNumber === 0 || ports.includes(portNumber)) &&
    (portName === '' || portName === named.portName) &&
    (gateway === '' || gateway === named.gateway)
  );
}

/** `80`, or `inbound|8080||` */
function portOf(name: string): number {
  const digits = name.startsWith('inbound|') ? name.split('|')[1] : name;
  return /^\d{1,5}$/.test(digits ?? '') ? Number(digits) : 0;
}

/** `http.80`, or `https.443.port name.gateway.namespace`: the first tells nothing of gateways, which share it. */
function gatewayRoutes(name: string): { readonly port: number; readonly portName: string; readonly gateway: string } {
  const [scheme, port = '', ...rest] = name.split('.');
  if (scheme !== 'https' || rest.length < 3) return { port: Number(port), portName: '', gateway: '' };
  const [gatewayName = '', namespace = ''] = rest.slice(-2);
  return { port: Number(port), portName: rest.slice(0, -2).join('.'), gateway: `${namespace}/${gatewayName}` };
}

function meetsHost({ match: { routeConfiguration: wanted } }: Patch, { name, domains = [] }: VirtualHost): boolean {
  const { name: wantedName = '', domainName = '' } = wanted?.vhost ?? {};
  return (wantedName === '' || wantedName === name) && (domainName === '' || domains.includes(domainName));
}

function meetsRoute({ match: { routeConfiguration: wanted } }: Patch, route: Route): boolean {
  const { name = '', action = 'ANY' } = wanted?.vhost?.route ?? {};
  if (name !== '' && name !== route.name) return false;
  const kinds = { ROUTE: route.route, REDIRECT: route.redirect, DIRECT_RESPONSE: route.direct_response };
  // What does something else than these three meets any of them, as with Istio.
  return action === 'ANY' || kinds[action] !== undefined || Object.values(kinds).every((kind) => kind === undefined);
}
