// Names of protocols as Istio's ports have them.
// https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/

const http: ReadonlySet<string> = new Set(['http', 'http2', 'http_proxy', 'grpc', 'grpc-web']);
const tls: ReadonlySet<string> = new Set(['https', 'tls']);
const others: ReadonlySet<string> = new Set(['tcp', 'udp', 'mongo', 'redis', 'mysql']);

export const isHttp = (protocol: string): boolean => http.has(protocol.toLowerCase());
export const isTls = (protocol: string): boolean => tls.has(protocol.toLowerCase());
export const isProtocol = (protocol: string): boolean =>
  isHttp(protocol) || isTls(protocol) || others.has(protocol.toLowerCase());

/** The names, for messages. */
export const protocolNames = [...http, ...tls, ...others].join(', ').toUpperCase();
