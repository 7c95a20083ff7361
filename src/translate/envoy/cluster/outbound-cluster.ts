// Outbound clusters: one for each port of a service and one more for each subset of it.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/cluster/v3/cluster.proto
import { memo } from '../../../model/memo.ts';
import type { AddressFamilies } from '../../../model/mesh/address-families.ts';
import type {
  Endpoint,
  MeshSettings,
  PolicySubset,
  Resolution,
  Service,
  ServicePort,
} from '../../../model/mesh/mesh.ts';
import { isDatagram } from '../../../model/mesh/service-port.ts';
import type { Proxy } from '../../../model/proxy/proxy.ts';
import type { Resource } from '../../../model/envoy/resource.ts';
import { resourceTypes } from '../../../model/envoy/resource.ts';
import type { ServiceView } from '../../../model/view.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { duration } from '../../duration.ts';
import { clusterName, meshServerName, statName } from '../../names.ts';
import { from, merge } from '../../provenance.ts';
import { isHttp, isTls } from '../../resolve/services/protocol.ts';
import { extension } from '../../typed.ts';
import { ads } from '../config-source.ts';
import { clusterMetadata } from './cluster-metadata.ts';
import { httpOptions, speaksHttp2 } from './connection-pool.ts';
import { assignment, assignmentKind } from '../endpoint/load-assignment.ts';
import { towardsHosts } from './host-choice.ts';
import { passesThrough } from './load-balancing.ts';
import type { CallerPlace } from '../endpoint/locality.ts';
import { localityRule, relevantPlace } from '../endpoint/locality.ts';
import type { Reach } from '../endpoint/reach.ts';
import { wrapProxyProtocol } from './proxy-protocol.ts';
import type { EffectivePolicy } from './traffic-policy.ts';
import { clusterPolicy, effectivePolicy } from './traffic-policy.ts';
import type { UpstreamTls } from './upstream-tls.ts';
import { derivedServerName, isOriginated, upstreamTls } from './upstream-tls.ts';
import { statPrefix } from '../listener/stat-prefix.ts';
import { throughTunnels } from './tunnel-upstream.ts';

type Cluster = MessageOf['envoy.config.cluster.v3.Cluster'];

/** What clusters depend on of the proxy itself. */
export interface ClusterFacts {
  readonly proxyType: Proxy['type'];
  readonly families: AddressFamilies;
  /** What the caller shows to backends whose TLS a policy of Gateway API asks for. */
  readonly clientCertificate?: string;
  /**
   * Clusters for mutual TLS that is passed through by its server name, beside the ordinary ones: named like it, without TLS
   * of their own, and only with endpoints that take it.
   */
  readonly byServerName?: true;
}

/** How Envoy finds the hosts of a service: it depends on the kind of proxy and on the policy. */
export function discovery(view: ServiceView, policy: EffectivePolicy, facts: ClusterFacts): Resolution {
  const { service } = view;
  // Where a connection to a gateway was going is the gateway itself: only endpoints lead on.
  const led = facts.proxyType === 'router' && facts.byServerName !== true && service.resolution === 'passthrough';
  if (service.resolution !== 'endpoints') return led ? 'endpoints' : service.resolution;
  const callerChooses =
    (service.headless && facts.proxyType === 'sidecar') || passesThrough(policy.loadBalancer?.value);
  return callerChooses ? 'passthrough' : 'endpoints';
}

const dynamicProtocols = (port: ServicePort): boolean => isHttp(port.protocol) || isTls(port.protocol);

/** What the port has clusters for: all of it (undefined) and its subsets, in the order they were written. */
export const clusterSubsets = (
  facts: ClusterFacts,
  view: ServiceView,
  port: ServicePort,
): readonly (PolicySubset | undefined)[] =>
  isDatagram(port)
    ? []
    : [undefined, ...(view.policy?.subsets ?? [])].filter((subset) => {
        const found = discovery(view, effectivePolicy(view.policy, port.number, subset), facts);
        // Where a passed connection was going is the gateway itself: it would go round in circles.
        if (facts.byServerName === true) return found !== 'passthrough' && found !== 'dynamic-dns';
        return found !== 'dynamic-dns' || dynamicProtocols(port);
      });

/** The port's cluster and those of its subsets, in the order they were written. */
export function outboundClusters(
  settings: MeshSettings,
  facts: ClusterFacts,
  view: ServiceView,
  port: ServicePort,
  endpoints: readonly Endpoint[],
  place: CallerPlace | undefined,
  reach: Reach | undefined,
): readonly Resource[] {
  return clusterSubsets(facts, view, port).map((subset) => {
    const policy = clusterPolicy(settings, view.policy, port.number, subset);
    const found = discovery(view, policy, facts);
    if (found !== 'dns' && found !== 'dns-round-robin')
      return cluster(settings, facts, view, port, subset, undefined, undefined, undefined);
    return cluster(
      settings,
      facts,
      view,
      port,
      subset,
      endpoints,
      relevantPlace(localityRule(settings, view.service, policy), place),
      reach,
    );
  });
}

const cluster = memo(
  (
    settings: MeshSettings,
    facts: ClusterFacts,
    view: ServiceView,
    port: ServicePort,
    subset: PolicySubset | undefined,
    endpoints: readonly Endpoint[] | undefined,
    place: CallerPlace | undefined,
    reach: Reach | undefined,
  ): Resource => {
    const policy = clusterPolicy(settings, view.policy, port.number, subset);
    const name = clusterName(facts.byServerName === true, view.service.hostname, port.number, subset?.name ?? '');
    const found = discovery(view, policy, facts);
    const rule = localityRule(settings, view.service, policy);
    const tls = facts.byServerName === true ? undefined : tlsOf(settings, facts, view, port, subset, policy, found);
    const inline =
      endpoints === undefined
        ? undefined
        : assignment(name, endpoints, policy, subset, rule, place, reach, assignmentKind(facts));
    const message = merge<Cluster>(
      from(view.service.source, {
        name,
        alt_stat_name: statName(statisticsName(settings, facts, name, view.service, port, subset)),
        ...hosts(settings, facts, found, name, view, inline),
      }),
      ...towardsHosts(settings, view, policy, found, rule),
      httpOptions(settings, port.protocol, policy.connectionPool, {
        inbound: false,
        router: facts.proxyType === 'router',
        ...withDefined('upstream', tls && derivedServerName(tls)),
      }),
      tls && throughTunnels(facts, wrapProxyProtocol(upstreamTls(tls), policy.proxyProtocol)),
      from(subset?.source ?? view.policy?.sources[0] ?? view.service.source, {
        metadata: clusterMetadata(view, subset?.name ?? '', {
          ...(facts.proxyType === 'waypoint' && { disable_mx: true }),
          ...(view.service.meshExternal && subset === undefined && { external: true }),
          ...(tls !== undefined && isOriginated(policy.tls) && { alpn_override: 'false' }),
        }),
      }),
    );
    return { type: resourceTypes.cluster, name, message };
  },
);

/** Clusters that are passed through keep their own names. */
const statisticsName = (
  { outboundClusterStatName }: MeshSettings,
  { byServerName }: ClusterFacts,
  name: string,
  service: Service,
  port: ServicePort,
  subset: PolicySubset | undefined,
): string =>
  byServerName === true
    ? name
    : statPrefix(outboundClusterStatName, name, {
        service,
        host: service.hostname,
        port,
        portNumber: port.number,
        subset: subset?.name ?? '',
      });

const withDefined = <K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> =>
  value === undefined ? {} : ({ [key]: value } as Record<K, V>);

/** Where the hosts come from, and what only that kind of discovery needs. */
export function hosts(
  settings: MeshSettings,
  facts: ClusterFacts,
  found: Resolution,
  name: string,
  view: ServiceView,
  inline: Cluster['load_assignment'] | undefined,
): Partial<Cluster> {
  switch (found) {
    case 'endpoints':
      return { type: 'EDS', eds_cluster_config: { eds_config: ads, service_name: name } };
    case 'passthrough':
      return { type: 'ORIGINAL_DST' };
    case 'dns':
    case 'dns-round-robin':
      return {
        type: found === 'dns' ? 'STRICT_DNS' : 'LOGICAL_DNS',
        ...dns(settings, facts),
        ...(inline !== undefined && { load_assignment: inline }),
      };
    case 'dynamic-dns':
      return {
        cluster_type: extension(
          'envoy.clusters.dynamic_forward_proxy',
          'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig',
          { dns_cache_config: dnsCache(settings, facts, view.service.hostname) },
        ),
      };
  }
}

const resolver = extension(
  'envoy.network.dns_resolver.cares',
  'envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig',
  {
    udp_max_queries: 100,
  },
);

const lookupFamily = (facts: ClusterFacts): 'V4_ONLY' | 'V6_ONLY' | 'ALL' =>
  facts.families === 'both' ? 'ALL' : facts.families === 'ipv6' ? 'V6_ONLY' : 'V4_ONLY';

const dns = (settings: MeshSettings, facts: ClusterFacts): Partial<Cluster> => ({
  dns_lookup_family: lookupFamily(facts),
  dns_refresh_rate: duration(settings.dnsRefreshRate ?? '60s'),
  dns_jitter: '0.1s',
  respect_dns_ttl: true,
  typed_dns_resolver_config: resolver,
});

/** Shared by the clusters and the filters that look the same hosts up. */
export const dnsCache = (
  settings: MeshSettings,
  facts: ClusterFacts,
  host: string,
): MessageOf['envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheConfig'] => ({
  name: `${host}_dfp_dns_cache`,
  dns_lookup_family: lookupFamily(facts),
  dns_refresh_rate: duration(settings.dnsRefreshRate ?? '60s'),
  typed_dns_resolver_config: resolver,
});

export function tlsOf(
  settings: MeshSettings,
  facts: ClusterFacts,
  view: ServiceView,
  port: ServicePort,
  subset: PolicySubset | undefined,
  policy: EffectivePolicy,
  found: Resolution,
): UpstreamTls {
  const { service } = view;
  return {
    settings,
    policy: policy.tls,
    auto: view.autoMtls,
    perEndpoint: found !== 'passthrough',
    serverName: meshServerName(service.hostname, port.number, subset?.name ?? ''),
    subjectAltNames: view.subjectAltNames,
    declaredNames: service.subjectAltNames,
    http2: speaksHttp2(settings, port.protocol, policy.connectionPool?.value),
    ...(facts.clientCertificate !== undefined && { clientCertificate: facts.clientCertificate }),
    credentials: facts.proxyType !== 'sidecar' || view.policy?.workloadSelector !== undefined,
  };
}
