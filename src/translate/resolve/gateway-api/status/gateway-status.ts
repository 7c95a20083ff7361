// Statuses of Gateways, of the ListenerSets that add to them, and of GatewayClasses.
// https://gateway-api.sigs.k8s.io/reference/spec/#gatewaystatus
import { memo } from '../../../../model/memo.ts';
import type { KindMap } from '../../../../model/schema/index.ts';
import type { Condition, ObjectStatus } from '../../../../model/status.ts';
import { classOfController, type GatewayClass } from '../gateway-class.ts';
import type { GatewayResult, ListenerSetResult } from '../listeners/gateways.ts';
import type { ListenerResult } from '../listeners/listener.ts';
import { condition, generationOf, type Fault } from './conditions.ts';
import type { GatewayAddresses } from './gateway-addresses.ts';

/** Routes by listener: plain data. */
export type AttachedRoutes = Readonly<Record<string, number>>;

export const gatewayStatus = memo(
  (
    result: GatewayResult,
    addresses: GatewayAddresses,
    clientFault: Fault | undefined,
    attached: AttachedRoutes,
  ): ObjectStatus => {
    const { object, gatewayClass } = result;
    const { namespace, name } = object.metadata;
    const status =
      gatewayClass.kind === 'remote' ? remoteStatus(object) : ownStatus(result, addresses, clientFault, attached);
    return { kind: 'Gateway', namespace, name, status };
  },
);

function ownStatus(
  { object, listeners, sets, services, askedAddresses, addressFault, gatewayClass }: GatewayResult,
  addresses: GatewayAddresses,
  clientFault: Fault | undefined,
  attached: AttachedRoutes,
): ObjectStatus['status'] {
  const generation = generationOf(object.metadata);
  const attachedSets = sets.filter((set) => set.listeners.some(({ valid }) => valid)).length;
  const bound = askedAddresses.filter((address) => addresses.given.includes(address));
  const shown = shownAddresses(addresses, bound, gatewayClass, object.metadata.annotations);
  return {
    ...(shown.length > 0 && { addresses: shown }),
    ...(attachedSets > 0 && { attachedListenerSets: attachedSets }),
    conditions: [
      acceptance(generation, listeners, addressFault),
      programmed(generation, addresses, services, askedAddresses),
      ...insecureFrontend(generation, object),
      condition(
        'ResolvedRefs',
        generation,
        { reason: 'ResolvedRefs', message: 'All references are resolved' },
        clientFault,
      ),
    ],
    listeners: listenerStatuses(listeners, attached),
  };
}

/** With some valid listeners it is accepted, and says that the others are not. */
function acceptance(generation: number, listeners: readonly ListenerResult[], fault: Fault | undefined): Condition {
  const valid = listeners.filter((listener) => listener.valid).length;
  const none = { reason: 'ListenersNotValid', message: 'No listener is valid' };
  const some = {
    reason: 'ListenersNotValid',
    message: `${listeners.length - valid} of ${listeners.length} listeners are not valid`,
  };
  const good = valid < listeners.length ? some : { reason: 'Accepted', message: 'The Gateway is accepted' };
  return condition('Accepted', generation, good, fault ?? (listeners.length > 0 && valid === 0 ? none : undefined));
}

function programmed(
  generation: number,
  addresses: GatewayAddresses,
  services: readonly string[],
  asked: readonly string[],
): Condition {
  const { internal } = addresses;
  const where = internal.length > 0 ? `, reached at ${internal.join(', ')}` : '';
  return condition('Programmed', generation, { reason: 'Programmed', message: `Proxies are configured${where}` }, ungiven(addresses, asked) ?? unreached(services, addresses)); // prettier-ignore
}

/** A load balancer is asked for one address, and gives another one, or none, where it has not got that. */
function ungiven({ given }: GatewayAddresses, asked: readonly string[]): Fault | undefined {
  const missing = asked.filter((address) => !given.includes(address));
  if (missing.length === 0 || (asked.length === 1 && given.length === 0)) return undefined;
  const message =
    asked.length > 1
      ? `A Service has one address that it asks for, and cannot have ${missing.join(' and ')} as well`
      : `The Service was given ${given.join(', ')}, not ${missing.join(', ')}`;
  return { reason: 'AddressNotUsable', message };
}

function unreached(services: readonly string[], { warnings, usable }: GatewayAddresses): Fault | undefined {
  if (services.length === 0) return { reason: 'UnsupportedAddress', message: 'None of the addresses can be used' };
  return warnings.length === 0
    ? undefined
    : { reason: usable ? 'AddressNotAssigned' : 'AddressNotUsable', message: warnings.join('; ') };
}

const insecureFrontend = (generation: number, { spec: { tls } }: KindMap['KubernetesGateway']): readonly Condition[] =>
  [tls?.frontend?.default, ...(tls?.frontend?.perPort ?? []).map((port) => port.tls)].some(
    (one) => one?.validation?.mode === 'AllowInsecureFallback',
  )
    ? [
        condition(
          'InsecureFrontendValidationMode',
          generation,
          { reason: 'ConfigurationChanged', message: 'Clients without a valid certificate are let in' },
          undefined,
        ),
      ]
    : [];

/** Those that the world reaches, or will as it was asked for; else those within the cluster. */
function shownAddresses(
  { external, internal, clusterIps, pending }: GatewayAddresses,
  bound: readonly string[],
  { addresses }: GatewayClass,
  annotations: Readonly<Record<string, string>>,
): readonly { readonly type: string; readonly value: string }[] {
  const hostnames = [...new Set(internal.map((hostPort) => hostPort.slice(0, hostPort.lastIndexOf(':'))))];
  const named = hostnames.filter((host) => !pending.includes(host));
  const wanted = annotations['networking.istio.io/address-type'] ?? (addresses === 'hostnames' ? 'Hostname' : '');
  const inside = [...(wanted === 'Hostname' ? [] : clusterIps), ...(wanted === 'IPAddress' ? [] : named)];
  const outside = external.length > 0 ? external : bound;
  return (outside.length > 0 ? outside : inside).map((value) => ({
    type: isIp(value) ? 'IPAddress' : 'Hostname',
    value,
  }));
}

const isIp = (text: string): boolean => text.includes(':') || /^\d+(\.\d+){3}$/.test(text);

const remoteStatus = ({ metadata, spec }: KindMap['KubernetesGateway']): ObjectStatus['status'] => ({
  ...((spec.addresses ?? []).length > 0 && { addresses: spec.addresses }),
  conditions: [
    condition(
      'Accepted',
      generationOf(metadata),
      { reason: 'Accepted', message: 'The Gateway is accepted' },
      undefined,
    ),
    condition(
      'Programmed',
      generationOf(metadata),
      { reason: 'Programmed', message: 'The Gateway is elsewhere; nothing is configured for it here' },
      undefined,
    ),
  ],
});

const listenerStatuses = (listeners: readonly ListenerResult[], attached: AttachedRoutes) =>
  listeners.map(({ name, supportedKinds, conditions }) => ({
    name,
    supportedKinds,
    attachedRoutes: attached[name] ?? 0,
    conditions,
  }));

export const listenerSetStatus = memo(
  (
    result: GatewayResult,
    set: ListenerSetResult,
    addresses: GatewayAddresses,
    attached: AttachedRoutes,
  ): ObjectStatus => {
    const { object, listeners, refusal } = set;
    const { namespace, name } = object.metadata;
    const generation = generationOf(object.metadata);
    const none = listeners.some(({ valid }) => valid)
      ? undefined
      : { reason: 'ListenersNotValid', message: 'No listener is valid' };
    const parent = result.addressFault && {
      ...result.addressFault,
      message: `The Gateway is not accepted: ${result.addressFault.message}`,
    };
    const fault = refusal ?? parent ?? none;
    const accepted = { reason: 'Accepted', message: 'The ListenerSet is accepted' };
    const unprogrammed = refusal ?? none;
    const status = {
      conditions: [
        condition('Accepted', generation, accepted, fault),
        unprogrammed === undefined
          ? programmed(generation, addresses, result.services, result.askedAddresses)
          : condition('Programmed', generation, accepted, unprogrammed),
      ],
      ...(refusal === undefined && { listeners: listenerStatuses(listeners, attached) }),
    };
    return { kind: 'ListenerSet', namespace, name, status };
  },
);

/** Of the classes that are ours. */
export const gatewayClassStatuses = memo(
  (objects: ReadonlyMap<string, KindMap['GatewayClass']>): readonly ObjectStatus[] =>
    [...objects.values()].flatMap(({ metadata, spec }) => {
      if (classOfController(spec.controllerName) === undefined) return [];
      const accepted = { reason: 'Accepted', message: 'Gateways of this class are taken care of' };
      const conditions = [condition('Accepted', generationOf(metadata), accepted, undefined)];
      return [{ kind: 'GatewayClass', namespace: '', name: metadata.name, status: { conditions } }];
    }),
);
