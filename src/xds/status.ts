// What the server knows of those who are connected, and what it has done since it started.
import type { ProxyStatus } from '../model/proxy/proxy-status.ts';

export type { ProxyStatus, TypeStatus } from '../model/proxy/proxy-status.ts';

/** Who is at the other end of a stream. */
export type StreamClient = Pick<ProxyStatus, 'node' | 'identity' | 'connection' | 'peer'>;

export interface ServerCounters {
  readonly streams: number;
  readonly pushes: number;
  readonly resourcesSent: number;
  readonly bytesSent: number;
  readonly nacks: number;
  /** Proxies whose configuration could not be made, and resources that could not be encoded. */
  readonly bugs: number;
  readonly cycles: number;
}
