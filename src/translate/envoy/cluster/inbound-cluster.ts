// Inbound clusters: the workload itself, one for each target port. They go to where the connection was addressed, from a
// source address of their own that the interception rules let pass.
// https://istio.io/latest/docs/reference/config/networking/sidecar/#IstioIngressListener
import { memo } from '../../../model/memo.ts';
import type { AddressFamilies } from '../../../model/mesh/address-families.ts';
import type { DestinationPolicy, MeshSettings, Service } from '../../../model/mesh/mesh.ts';
import type { Resource } from '../../../model/envoy/resource.ts';
import { resourceTypes } from '../../../model/envoy/resource.ts';
import { at } from '../../../model/source.ts';
import type { InboundPort } from '../../../model/view.ts';
import type { LoadLimit } from '../../../model/mesh/workload-policies.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { configPath, inboundCluster as clusterName, statName } from '../../names.ts';
import { from, merge } from '../../provenance.ts';
import { connectionSettings, httpOptions } from './connection-pool.ts';
import type { Sourced } from './traffic-policy.ts';
import { effectivePolicy } from './traffic-policy.ts';
import { statPrefix } from '../listener/stat-prefix.ts';

type Cluster = MessageOf['envoy.config.cluster.v3.Cluster'];

export interface InboundFacts {
  /** The workload's primary address. */
  readonly address: string;
  readonly families: AddressFamilies;
}

/** `loads` is a shared list. */
export const inboundCluster = memo(
  (settings: MeshSettings, facts: InboundFacts, loads: readonly LoadLimit[], port: InboundPort): Resource => {
    const name = clusterName(port.targetPort);
    const pool = connectionPool(port);
    const message = merge<Cluster>(
      from(port.source, {
        name,
        alt_stat_name: statName(statisticsName(settings, name, port)),
        ...destination(settings, port, facts, name),
      }),
      connectionSettings(settings, pool, undefined, loads),
      { common_lb_config: {} },
      httpOptions(settings, port.servicePort.protocol, pool, { inbound: true }),
      port.service === undefined
        ? undefined
        : from(port.service.source, { metadata: metadata(port.service, port.policy) }),
    );
    return { type: resourceTypes.cluster, name, message };
  },
);

function statisticsName(settings: MeshSettings, name: string, port: InboundPort): string {
  const { ingress, source, service, servicePort, targetPort } = port;
  return statPrefix(settings.inboundClusterStatName, name, {
    service: ingress === undefined ? service : undefined,
    host: ingress === undefined ? (service?.hostname ?? '') : `${source.name}.${source.namespace}`,
    port: servicePort,
    portNumber: servicePort.number,
    targetPort,
  });
}

/** The Sidecar's own settings go before the DestinationRule's. */
function connectionPool(port: InboundPort): Sourced<NonNullable<InboundPort['connectionPool']>> | undefined {
  if (port.connectionPool !== undefined)
    return { source: at(port.source, 'connectionPool'), value: port.connectionPool };
  return effectivePolicy(port.policy, port.servicePort.number, undefined).connectionPool;
}

function metadata(service: Service, policy: DestinationPolicy | undefined): NonNullable<Cluster['metadata']> {
  const { hostname, name, namespace } = service;
  const rule = policy?.trafficPolicy === undefined ? undefined : policy.sources[0];
  const config =
    rule === undefined ? {} : { config: configPath('destination-rule', rule.namespace, policy?.name ?? rule.name) };
  return { filter_metadata: { istio: { services: [{ host: hostname, name, namespace }], ...config } } };
}

/** As addressed, or to the endpoint that a Sidecar's listener names: an address and port, or a Unix domain socket. */
function destination(settings: MeshSettings, port: InboundPort, facts: InboundFacts, name: string): Partial<Cluster> {
  const onLoopback =
    settings.inboundTrafficPolicy?.mode === 'LOCALHOST'
      ? `${facts.address.includes(':') ? '[::1]' : '127.0.0.1'}:${port.targetPort}`
      : '';
  const endpoint = port.ingress?.defaultEndpoint ?? onLoopback;
  if (endpoint === '')
    return { type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED', cleanup_interval: never, ...sourceAddress(facts) };
  if (endpoint.startsWith('unix://'))
    return { ...fixed(name, { pipe: { path: endpoint.slice('unix://'.length) } }), ...sourceAddress(facts) };
  const colon = endpoint.lastIndexOf(':');
  const written = endpoint.slice(0, colon).replace(/^\[|\]$/g, '');
  const loopback = written === '127.0.0.1' || written === '::1';
  const address = loopback ? written : facts.address;
  const target = fixed(name, { socket_address: { address, port_value: Number(endpoint.slice(colon + 1)) } });
  return loopback ? target : { ...target, ...sourceAddress(facts) };
}

/** Envoy forgets idle original destinations after this; the workload's own never goes away. */
const never = '9223372035s';

const fixed = (name: string, address: MessageOf['envoy.config.core.v3.Address']): Partial<Cluster> => ({
  type: 'STATIC',
  load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
});

/** The address that the interception rules let pass. */
export const sourceAddress = ({ families }: Pick<InboundFacts, 'families'>): Pick<Cluster, 'upstream_bind_config'> => ({
  upstream_bind_config: {
    source_address: { address: families === 'ipv6' ? '::6' : '127.0.0.6', port_value: 0 },
    ...(families === 'both' && { extra_source_addresses: [{ address: { address: '::6', port_value: 0 } }] }),
  },
});
