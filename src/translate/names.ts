// The names of Envoy resources: part of the contract with istioctl, Kiali and dashboards, so kept in one place.
// https://istio.io/latest/docs/ops/diagnostic-tools/proxy-cmd/

export const blackHoleCluster = 'BlackHoleCluster';
export const passthroughCluster = 'PassthroughCluster';
export const inboundPassthroughCluster = 'InboundPassthroughCluster';
export const virtualOutbound = 'virtualOutbound';
export const virtualInbound = 'virtualInbound';
/** Istio has an agent for it and no listener. */
export const dnsListener = 'keelson.dns';

export const outboundCluster = (host: string, port: number, subset = ''): string =>
  `outbound|${port}|${subset}|${host}`;
export const inboundCluster = (targetPort: number): string => `inbound|${targetPort}||`;

/** Istio has no clusters for datagrams. A port may have a cluster for connections, too. */
export const datagramCluster = (host: string, port: number): string => `keelson.udp|${port}||${host}`;

/** Of a waypoint: the listeners and clusters at the ends of tunnels, and between them where services are told apart. */
export const connectTerminate = 'connect_terminate';
export const connectOriginate = 'connect_originate';
export const innerConnectOriginate = 'inner_connect_originate';
export const outerConnectOriginate = 'outer_connect_originate';
export const mainInternal = 'main_internal';
export const encap = 'encap';

/** Of a waypoint: the endpoints of a service, spoken to in HTTP or passed through. */
export const vipCluster = (layer: 'http' | 'tcp', host: string, port: number, subset = ''): string =>
  `inbound-vip|${port}|${vipSubset(layer, subset)}|${host}`;
export const vipSubset = (layer: 'http' | 'tcp', subset: string): string =>
  subset === '' ? layer : `${layer}/${subset}`;

/** Server name of a mesh connection: says which cluster was meant, for gateways that pass it through. */
export const meshServerName = (host: string, port: number, subset = ''): string =>
  `outbound_.${port}_.${subset}_.${host}`;

/** Of an outbound cluster: one for connections that are passed through by their server name is named like it. */
export const clusterName = (byServerName: boolean, host: string, port: number, subset: string): string =>
  byServerName ? meshServerName(host, port, subset) : outboundCluster(host, port, subset);

/** `0.0.0.0_80`; a Unix domain socket is port 0: `unix:///run/app.sock_0`. */
export const listenerName = (bind: string, port: number): string => `${bind}_${port}`;
export const virtualHostName = (host: string, port: number): string => `${host}:${port}`;

/** Statistics end a name with `;` so that Istio's tag extraction finds where it stops. */
export const statName = (name: string): string => `${name};`;

/** Where Istio's tools look up which object a resource came from. */
export const configPath = (kind: 'virtual-service' | 'destination-rule', namespace: string, name: string): string =>
  `/apis/networking.istio.io/v1/namespaces/${namespace}/${kind}/${name}`;
