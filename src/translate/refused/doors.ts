// Who comes in through a filter chain of a listener: the filters that ask, and what TLS asks for. Chains of two versions of a
// listener are compared by that, and one takes over what another asks.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/listener/v3/listener_components.proto
import { memo } from '../../model/memo.ts';
import type { Resource } from '../../model/envoy/resource.ts';
import type { MessageOf } from '../../xds/generated/messages.ts';
import { httpRbac, networkRbac } from '../envoy/rbac/rbac-filter.ts';

type Listener = MessageOf['envoy.config.listener.v3.Listener'];
export type Chain = MessageOf['envoy.config.listener.v3.FilterChain'];
type NetworkFilter = MessageOf['envoy.config.listener.v3.Filter'];
type HttpFilter = MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];
type Manager = MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'];
type DownstreamTls = MessageOf['envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'];
type Rbac = MessageOf['envoy.config.rbac.v3.RBAC'];

const manager = '.HttpConnectionManager';
const guards = ['.http.rbac.v3.RBAC', '.JwtAuthentication', '.ExtAuthz', '.network.rbac.v3.RBAC'];

const isOf = ({ typed_config: config }: NetworkFilter | HttpFilter, types: readonly string[]): boolean => {
  const type = (config as { readonly '@type'?: string } | null | undefined)?.['@type'] ?? '';
  return types.some((each) => type.endsWith(each));
};
const isGuard = (filter: NetworkFilter | HttpFilter): boolean => isOf(filter, guards);
const textOf = (value: unknown): string => JSON.stringify(value) ?? '';

/** The one for what no other matches comes last. */
export function chainsOf({ message }: Pick<Resource, 'message'>): readonly Chain[] {
  const { filter_chains: chains, default_filter_chain: rest } = message as Listener;
  return [...(chains ?? []), ...(rest === undefined || rest === null ? [] : [rest])];
}

const portOf = ({ filter_chain_match: match }: Chain): unknown => match?.destination_port;
const transportOf = ({ filter_chain_match: match }: Chain): unknown => match?.transport_protocol;
const isHttp = ({ filters }: Chain): boolean => (filters ?? []).some((filter) => isOf(filter, [manager]));

/**
 * The chain of `others` that takes what `chain` takes: `elsewhere`, if its port has no chains of its own any more; `nobody`, if
 * its port does, but none for such connections.
 */
export function counterpart(chain: Chain, others: readonly Chain[]): Chain | 'elsewhere' | 'nobody' {
  const key = textOf([chain.name, chain.filter_chain_match]);
  const same = others.find((each) => textOf([each.name, each.filter_chain_match]) === key);
  if (same !== undefined) return same;
  const ofPort = others.filter((each) => portOf(each) === portOf(chain));
  if (ofPort.length === 0) return 'elsewhere';
  const alike = ofPort.find((each) => transportOf(each) === transportOf(chain) && isHttp(each) === isHttp(chain));
  return alike ?? 'nobody';
}

interface Door {
  readonly network: readonly NetworkFilter[];
  readonly http: readonly HttpFilter[];
  readonly tls: string;
}

const doorOf = memo((chain: Chain): Door => ({
  network: (chain.filters ?? []).filter(isGuard),
  http: (chain.filters ?? []).flatMap((filter) => httpFiltersOf(filter).filter(isGuard)),
  tls: demandsOf(chain),
}));

/** What TLS asks of who comes; not how it is spoken. */
function demandsOf({ transport_socket: socket }: Chain): string {
  if (socket === undefined || socket === null) return '';
  const { require_client_certificate: isRequired, common_tls_context: common } = socket.typed_config as DownstreamTls;
  const {
    validation_context: validation,
    validation_context_sds_secret_config: fromSds,
    combined_validation_context: combined,
  } = common ?? {};
  return textOf({ isRequired, validation, fromSds, combined });
}

const httpFiltersOf = (filter: NetworkFilter): readonly HttpFilter[] =>
  isOf(filter, [manager]) ? ((filter.typed_config as Manager).http_filters ?? []) : [];

export const isSameDoor = (a: Chain, b: Chain): boolean => textOf(doorOf(a)) === textOf(doorOf(b));

/** `chain`, a version of `before`, with what `wanted` asks. What else it asks, it goes on asking. */
export function withDoor(chain: Chain, before: Chain, wanted: Chain): Chain {
  const old = doorOf(before);
  const door = doorOf(wanted);
  const { transport_socket: own, ...rest } = chain;
  // What a patch asks of callers is not taken back.
  const socket = old.tls === door.tls || demandsOf(chain) !== old.tls ? own : wanted.transport_socket;
  return {
    ...rest,
    filters: inFront(without(chain.filters ?? [], old.network), door.network, (filters) =>
      inFront(without(filters, old.http), door.http),
    ),
    ...(socket !== undefined && socket !== null && { transport_socket: socket }),
  };
}

const nobody: Rbac = {
  action: 'DENY',
  policies: { 'keelson-refused-policies': { permissions: [{ any: true }], principals: [{ any: true }] } },
};

const nobodyByHttp = httpRbac({ rules: nobody });
const nobodyByTcp = networkRbac({ rules: nobody });

/** `chain`, which lets nobody in; the very same one if it lets in nobody already. Requests are answered, so that who is refused can see by what. */
export function withNobody(chain: Chain): Chain {
  const { network, http } = doorOf(chain);
  const [guard, refusal] = isHttp(chain) ? [http[0], nobodyByHttp] : [network[0], nobodyByTcp];
  if (textOf(guard) === textOf(refusal)) return chain;
  const filters = chain.filters ?? [];
  return {
    ...chain,
    filters: isHttp(chain)
      ? inFront(filters, [], (all) => inFront(all, [nobodyByHttp]))
      : inFront(filters, [nobodyByTcp]),
  };
}

/** `first` before all the others; `http`: what becomes of the filters of connection managers. */
function inFront<F extends NetworkFilter | HttpFilter>(
  filters: readonly F[],
  first: readonly F[],
  http: (filters: readonly HttpFilter[]) => readonly HttpFilter[] = (same) => same,
): F[] {
  return [...first, ...filters.map((filter) => withHttpFilters(filter, http))];
}

function withHttpFilters<F extends NetworkFilter | HttpFilter>(
  filter: F,
  http: (filters: readonly HttpFilter[]) => readonly HttpFilter[],
): F {
  if (!isOf(filter, [manager])) return filter;
  const config = filter.typed_config as Manager;
  return { ...filter, typed_config: { ...config, http_filters: http(config.http_filters ?? []) } };
}

const without = <F>(filters: readonly F[], gone: readonly F[]): readonly F[] => {
  const texts = new Set(gone.map(textOf));
  return filters.filter((filter) => !texts.has(textOf(filter)));
};

/** Whether `patched` has filters, or asks for TLS, as `unpatched` does not. */
export function addsFilters(unpatched: object, patched: object): boolean {
  const of = (message: object): readonly string[] =>
    chainsOf({ message }).flatMap((chain) => [
      ...(chain.filters ?? []).flatMap((filter) => [
        filter.name ?? '',
        ...httpFiltersOf(filter).map(({ name }) => name ?? ''),
      ]),
      demandsOf(chain),
    ]);
  const known = new Set(of(unpatched));
  return of(patched).some((each) => !known.has(each));
}
