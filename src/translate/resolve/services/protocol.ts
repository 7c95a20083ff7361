// What a port speaks, from its appProtocol or the prefix of its name.
// https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
import type { Protocol, ServicePort } from '../../../model/mesh/mesh.ts';

const byName: Readonly<Record<string, Protocol>> = {
  http: 'HTTP',
  http2: 'HTTP2',
  grpc: 'GRPC',
  'grpc-web': 'GRPC-Web',
  https: 'HTTPS',
  tls: 'TLS',
  tcp: 'TCP',
  udp: 'UDP',
  mongo: 'Mongo',
  redis: 'Redis',
  mysql: 'MySQL',
};

const byAppProtocol: Readonly<Record<string, Protocol>> = {
  ...byName,
  'kubernetes.io/h2c': 'HTTP2',
  'kubernetes.io/ws': 'HTTP',
  'kubernetes.io/wss': 'HTTPS',
};

/** Ports whose servers speak first (SMTP, DNS, MySQL, MongoDB): waiting for the client's first bytes would hang. */
const serverFirstPorts: ReadonlySet<number> = new Set([25, 53, 3306, 27017]);

export interface PortNaming {
  readonly name: string;
  readonly number: number;
  readonly transport?: string;
  readonly appProtocol?: string;
}

/** Whether a client may wait for the server's first bytes before it sends any of its own. */
export const serverMaySpeakFirst = ({ protocol, number }: ServicePort): boolean =>
  protocol === 'MySQL' || (protocol === 'TCP' && serverFirstPorts.has(number));

/** An unknown appProtocol does not fall back to the name. */
export function kubernetesProtocol(port: PortNaming): Protocol {
  if (port.transport === 'UDP') return 'UDP';
  const declared = port.appProtocol === undefined ? fromName(port.name) : byAppProtocol[port.appProtocol.toLowerCase()];
  return declared ?? (serverFirstPorts.has(port.number) ? 'TCP' : 'Auto');
}

function fromName(name: string): Protocol | undefined {
  const lower = name.toLowerCase();
  if (lower === 'grpc-web' || lower.startsWith('grpc-web-')) return 'GRPC-Web';
  return byName[lower.split('-', 1)[0] ?? ''];
}

/** A protocol written out in an Istio object: `HTTP`, `GRPC`, `TLS`; anything unknown is detected. */
export const istioProtocol = (protocol: string | undefined): Protocol =>
  protocol?.toUpperCase() === 'HTTP_PROXY' ? 'HTTP_PROXY' : (byName[(protocol ?? '').toLowerCase()] ?? 'Auto');

const http: ReadonlySet<Protocol> = new Set<Protocol>(['HTTP', 'HTTP2', 'GRPC', 'GRPC-Web', 'HTTP_PROXY']);
const http2: ReadonlySet<Protocol> = new Set<Protocol>(['HTTP2', 'GRPC', 'GRPC-Web']);
const encrypted: ReadonlySet<Protocol> = new Set<Protocol>(['TLS', 'HTTPS']);

export const isHttp = (protocol: Protocol): boolean => http.has(protocol);
export const isHttp2 = (protocol: Protocol): boolean => http2.has(protocol);
/** The application encrypts by itself: we see server names at most. */
export const isTls = (protocol: Protocol): boolean => encrypted.has(protocol);
