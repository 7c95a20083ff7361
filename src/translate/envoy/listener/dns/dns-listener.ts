// The listener that the workload's DNS queries are redirected to: Envoy's own DNS filter answers for what the mesh knows and
// asks the resolvers of the workload's environment for everything else.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/udp_filters/dns_filter
import { memo, sharedList, sharedValue } from '../../../../model/memo.ts';
import { supportsIpv4, supportsIpv6 } from '../../../../model/mesh/address-families.ts';
import type { MeshSettings, ServiceEndpoints } from '../../../../model/mesh/mesh.ts';
import { serviceKey } from '../../../../model/mesh/mesh.ts';
import type { Proxy } from '../../../../model/proxy/proxy.ts';
import type { Resource } from '../../../../model/envoy/resource.ts';
import { resourceTypes } from '../../../../model/envoy/resource.ts';
import type { ProxyView, ServiceView } from '../../../../model/view.ts';
import type { MessageOf } from '../../../../xds/generated/messages.ts';
import { dnsListener as listenerName } from '../../../names.ts';
import { from } from '../../../provenance.ts';
import { extension, typed } from '../../../typed.ts';
import type { Name } from './name-table.ts';
import { isHeadless, nameTable } from './name-table.ts';

type Address = MessageOf['envoy.config.core.v3.Address'];
type Listener = MessageOf['envoy.config.listener.v3.Listener'];
type DnsTable = MessageOf['envoy.data.dns.v3.DnsTable'];

/** Where the redirection rules lead queries. */
const port = 15053;

/** None for a proxy that does not capture DNS; the same list as long as it is the same. */
export function dnsListeners(
  { settings, proxy, outbound }: ProxyView,
  endpoints: ReadonlyMap<string, ServiceEndpoints>,
): readonly Resource[] {
  if (!proxy.dnsCapture || proxy.type !== 'sidecar') return noListeners;
  const families = sharedValue({ ipv4: supportsIpv4(proxy), ipv6: supportsIpv6(proxy) });
  const headless = headlessOf(outbound.services);
  const names = nameTable(
    outbound.services,
    sharedList(headless.map(({ service }) => endpoints.get(serviceKey(service)) ?? none)),
    outbound.consumer.dnsDomain,
    families,
  );
  return sharedList([listener(settings, names, families.ipv4 ? '127.0.0.1' : '::1', resolvers(proxy))]);
}

const headlessOf = memo((services: readonly ServiceView[]): readonly ServiceView[] => services.filter(isHeadless));

const noListeners: readonly Resource[] = [];
const none: ServiceEndpoints = new Map();

/** From the workload's environment (`ISTIO_META_DNS_RESOLVERS: 10.96.0.10,10.96.0.11`); without any, its resolv.conf. */
function resolvers({ metadata }: Proxy): readonly string[] {
  const listed = metadata['DNS_RESOLVERS'];
  const addresses = typeof listed === 'string' ? listed.split(',').map((address) => address.trim()) : [];
  return sharedValue(addresses.filter((address) => /^(?:\d{1,3}\.){3}\d{1,3}$/.test(address) || address.includes(':')));
}

const listener = memo(
  (settings: MeshSettings, names: readonly Name[], bind: string, upstream: readonly string[]): Resource => {
    const message: Listener = {
      name: listenerName,
      address: udp(bind, port),
      udp_listener_config: {},
      listener_filters: [
        extension('envoy.filters.udp.dns_filter', 'envoy.extensions.filters.udp.dns_filter.v3.DnsFilterConfig', {
          stat_prefix: 'keelson',
          server_config: { inline_dns_table: table(names) },
          client_config: {
            resolver_timeout: '5s',
            max_pending_lookups: 256,
            typed_dns_resolver_config: cares(upstream),
          },
        }),
      ],
    };
    return { type: resourceTypes.listener, name: listenerName, message: from(settings.source, message) };
  },
);

/** Answers are short-lived, as addresses may change at any time; shorter than this Envoy does not allow. */
const answerTtl = '30s';

const table = (names: readonly Name[]): DnsTable => ({
  external_retry_count: 1,
  virtual_domains: names.map(({ name, addresses }) => ({
    name,
    endpoint: { address_list: { address: addresses } },
    answer_ttl: answerTtl,
  })),
});

const cares = (upstream: readonly string[]): MessageOf['envoy.config.core.v3.TypedExtensionConfig'] => ({
  name: 'envoy.network.dns_resolver.cares',
  typed_config: typed('envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig', {
    ...(upstream.length > 0 && { resolvers: upstream.map((address) => udp(address, 53)) }),
    dns_resolver_options: { no_default_search_domain: true },
  }),
});

const udp = (address: string, number: number): Address => ({
  socket_address: { protocol: 'UDP', address, port_value: number },
});
