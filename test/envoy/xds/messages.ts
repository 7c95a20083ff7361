// Resources for a real Envoy: a listener in plaintext, routes, and clusters with endpoints by EDS.
import type { Resource } from '../../../src/model/envoy/resource.ts';
import type { MessageOf } from '../../../src/xds/generated/messages.ts';
import { resourceTypes } from '../../../src/model/envoy/resource.ts';
import { lbEndpoint } from './ads-bootstrap.ts';

type Cluster = MessageOf['envoy.config.cluster.v3.Cluster'];
type Listener = MessageOf['envoy.config.listener.v3.Listener'];
type FilterChain = MessageOf['envoy.config.listener.v3.FilterChain'];
type VirtualHost = MessageOf['envoy.config.route.v3.VirtualHost'];
type HttpConnectionManager =
  MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'];

export const adsSource = { ads: {}, resource_api_version: 'V3' } as const;
export const url = (name: string): string => `type.googleapis.com/${name}`;

export const cluster = (name: string, more: Cluster = {}): Resource => {
  const message: Cluster = {
    name,
    type: 'EDS',
    connect_timeout: '1s',
    eds_cluster_config: { eds_config: adsSource },
    ...more,
  };
  return { type: resourceTypes.cluster, name, message };
};

export const endpoints = (name: string, port: number): Resource => ({
  type: resourceTypes.endpoint,
  name,
  message: { cluster_name: name, endpoints: [{ lb_endpoints: [lbEndpoint(port)] }] },
});

export function listener(name: string, port: number, http: HttpConnectionManager, chain: FilterChain = {}): Resource {
  const manager = {
    '@type': url('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: name,
    http_filters: [
      { name: 'router', typed_config: { '@type': url('envoy.extensions.filters.http.router.v3.Router') } },
    ],
    ...http,
  };
  const message: Listener = {
    name,
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [{ filters: [{ name: 'http', typed_config: manager }], ...chain }],
  };
  return { type: resourceTypes.listener, name, message };
}

export const routes = (name: string, ...hosts: readonly VirtualHost[]): Resource => ({
  type: resourceTypes.route,
  name,
  message: { name, virtual_hosts: hosts },
});

/** A virtual host that answers by itself. */
export const answering = (text: string): VirtualHost => ({
  name: 'all',
  domains: ['*'],
  routes: [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: text } } }],
});

export const forwarding = (to: string): VirtualHost => ({
  name: 'all',
  domains: ['*'],
  routes: [{ match: { prefix: '/' }, route: { cluster: to, timeout: '5s' } }],
});
