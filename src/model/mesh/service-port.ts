// What tells the ports of a service apart. TCP and UDP have numbers of their own, so that a Service may use one number for both,
// as DNS and HTTP/3 do. Proxies carry connections: where only they count, ports for datagrams are looked at as if they were
// not there, and all that is kept by port is kept by `portKey`.
// https://kubernetes.io/docs/concepts/services-networking/service/#protocol-support

export interface NumberedPort {
  readonly number: number;
  /** In the words of any API. */
  readonly protocol: string;
}

/** The number of a port for connections; that of one for datagrams is marked. */
export type PortKey = number | `udp:${number}`;

export const portKey = (port: NumberedPort): PortKey => (isDatagram(port) ? `udp:${port.number}` : port.number);

export const isDatagram = ({ protocol }: Pick<NumberedPort, 'protocol'>): boolean => protocol === 'UDP';

/** The port that connections to this number of a service are for. */
export const isConnectionPort = (port: NumberedPort, number: number): boolean => portKey(port) === number;
