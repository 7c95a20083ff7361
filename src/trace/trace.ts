// One connection at one proxy, from its listener to where it goes: a simulation on the very resources that the proxy has.
// https://www.envoyproxy.io/docs/envoy/latest/intro/life_of_a_request
import type { DecodedConfiguration } from '../model/envoy/decoded.ts';
import type {
  envoy_config_listener_v3_Filter,
  envoy_config_listener_v3_FilterChain,
  MessageOf,
} from '../xds/generated/messages.ts';
import { sendTo } from './cluster.ts';
import { networkRbac } from './filter/authorization.ts';
import { throughConnectionManager } from './http.ts';
import type { ChosenListener, Direction } from './listener.ts';
import { chooseChain, chooseListener, knowsOriginal, listenerMessage } from './listener.ts';
import type { Connection } from './request.ts';
import type { Branch, Ending, Step } from './step.ts';
import { Place } from './step.ts';

const types = {
  manager: 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
  tcpProxy: 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
  rbac: 'envoy.extensions.filters.network.rbac.v3.RBAC',
  tls: 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
} as const;

/** Everything that may become of the connection at this proxy; the probabilities make 1. */
export function traceProxy(
  configuration: DecodedConfiguration,
  direction: Direction,
  connection: Connection,
): readonly Branch[] {
  const { address, port } = connection.destination;
  const chosen = chooseListener(configuration, direction, connection.destination);
  if (chosen === undefined)
    return [
      closed([{ decision: 'listener', outcome: `none is at ${address}:${port}`, causes: [] }], 'connection refused'),
    ];
  const place = new Place('listener', chosen.resource);
  const steps = [listenerStep(place, chosen, connection)];
  const chain = chooseChain(listenerMessage(chosen.resource), connection);
  if (chain === undefined)
    return [
      closed(
        [...steps, { ...place.step('filter-chain', 'none takes the connection'), causes: chainCauses(place, chosen) }],
        'filter_chain_not_found',
        'NR',
      ),
    ];
  const chainPlace = place.below(chain.field);
  const named = chainPlace.step('filter-chain', `${chain.chain.name ?? chain.field}${conditions(chain.chain)}`);
  const known = { ...connection, isOriginal: knowsOriginal(listenerMessage(chosen.resource)) };
  return throughChain(configuration, chain.chain, chainPlace, known, [...steps, named]);
}

/** What the chains are for, and so whom they turn away. */
const chainCauses = (place: Place, { resource }: ChosenListener): Step['causes'] =>
  (listenerMessage(resource).filter_chains ?? []).flatMap((_, i) => place.below(`filter_chains[${i}]`).causes());

function listenerStep(place: Place, { resource, byAddress }: ChosenListener, { destination }: Connection): Step {
  const how = byAddress ? 'is at' : 'takes what is captured, such as';
  return place.step('listener', `${resource.name} ${how} ${destination.address}:${destination.port}`);
}

const closed = (steps: readonly Step[], details: string, flags = ''): Branch => ({
  probability: 1,
  steps,
  ending: { kind: 'closed', flags, details },
  route: '',
  cluster: '',
});

function conditions({ filter_chain_match: match = {} }: envoy_config_listener_v3_FilterChain): string {
  const { transport_protocol: transport, application_protocols: applications = [], server_names: names = [] } = match;
  const all = [
    ...(transport === undefined ? [] : [transport]),
    ...(applications.length === 0 ? [] : [`ALPN ${applications.join(' or ')}`]),
    ...(names.length === 0 ? [] : [`SNI ${names.join(' or ')}`]),
  ];
  return all.length === 0 ? '' : `: ${all.join(', ')}`;
}

function throughChain(
  configuration: DecodedConfiguration,
  chain: envoy_config_listener_v3_FilterChain,
  place: Place,
  connection: Connection,
  before: readonly Step[],
): readonly Branch[] {
  const handshake = terminated(chain, place, connection);
  if ('refused' in handshake) return [closed([...before, ...handshake.steps], handshake.refused)];
  const inner = handshake.connection;
  const steps: Step[] = [...before, ...handshake.steps];
  for (const [i, filter] of (chain.filters ?? []).entries()) {
    const at = place.below(`filters[${i}]`, 'typed_config');
    const type = filter.typed_config?.['@type'].slice('type.googleapis.com/'.length);
    if (type === types.rbac) {
      const [possibility] = networkRbac(filter.typed_config ?? {}, at, {
        connection: inner,
        http: undefined,
        ofRoute: () => undefined,
        dryRuns: new Map(),
      });
      steps.push(...(possibility?.steps ?? []));
      if (possibility?.ending !== undefined) return [{ ...closed(steps, ''), ending: possibility.ending }];
    } else if (type === types.manager) return http(configuration, filter, at, inner, steps);
    else if (type === types.tcpProxy) return tcp(configuration, filter, at, inner, steps);
  }
  return [closed(steps, 'no filter sends it on')];
}

/** In TLS that somebody behind the proxy will end. */
const isSealed = ({ tls, isTerminated }: Connection): boolean => tls !== undefined && isTerminated !== true;

type Handshake =
  | { readonly steps: readonly Step[]; readonly connection: Connection }
  | { readonly steps: readonly Step[]; readonly refused: string };

/** A chain with TLS ends it; what is inside is plain from there on. */
function terminated(chain: envoy_config_listener_v3_FilterChain, place: Place, connection: Connection): Handshake {
  const config = chain.transport_socket?.typed_config;
  if (config?.['@type'] !== `type.googleapis.com/${types.tls}`) return { steps: [], connection };
  const { require_client_certificate: required = false } =
    config as MessageOf['envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'];
  const at = place.below('transport_socket');
  if (connection.tls === undefined)
    return { steps: [at.step('tls', 'plaintext where TLS is expected')], refused: 'no TLS' };
  const { principal } = connection.source;
  if (required && principal === undefined)
    return { steps: [at.step('tls', 'no client certificate where one is required')], refused: 'no client certificate' };
  const words = `TLS ends here; the client ${principal === undefined ? 'shows no certificate' : `is ${principal}`}`;
  return { steps: [at.step('tls', words)], connection: { ...connection, isTerminated: true } };
}

function http(
  configuration: DecodedConfiguration,
  filter: envoy_config_listener_v3_Filter,
  place: Place,
  connection: Connection,
  steps: readonly Step[],
): readonly Branch[] {
  const manager = (filter.typed_config ?? {}) as MessageOf[typeof types.manager];
  if (connection.http === undefined || isSealed(connection)) return [closed(steps, 'what is sent is not HTTP', 'DPE')];
  const branches = throughConnectionManager(configuration, manager, place, connection, connection.http);
  return branches.map((branch) => ({ ...branch, steps: [...steps, ...branch.steps] }));
}

function tcp(
  configuration: DecodedConfiguration,
  filter: envoy_config_listener_v3_Filter,
  place: Place,
  connection: Connection,
  steps: readonly Step[],
): readonly Branch[] {
  const { cluster, weighted_clusters: weighted } = (filter.typed_config ?? {}) as MessageOf[typeof types.tcpProxy];
  const fail = (_status: number, flags: string, details: string): Ending => ({ kind: 'closed', flags, details });
  const all = weighted?.clusters ?? [{ name: cluster ?? '', weight: 1 }];
  const total = all.reduce((sum, { weight = 0 }) => sum + weight, 0);
  return all.map(({ name = '', weight = 0 }): Branch => {
    const chosen = place.step('route', `bytes go to ${name}`);
    const sending = sendTo(configuration, name, connection, fail, place);
    const own = [...steps, chosen, ...sending.steps];
    const sent = isSealed(connection) ? undefined : connection.http;
    return {
      probability: weight / total,
      steps: own,
      ending: sending.ending,
      route: '',
      cluster: name,
      ...(sent && { sent }),
    };
  });
}
