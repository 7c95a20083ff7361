// What the server bears: bounds on what proxies may send and hold, and how connections are kept healthy.
// https://github.com/grpc/grpc-node/blob/master/packages/grpc-js/README.md#supported-channel-options
import type { ServerOptions } from '@grpc/grpc-js';

/** Times in milliseconds, sizes in bytes. */
export interface Limits {
  readonly streams: number;
  readonly requestBytes: number;
  /** A response is closed when it has this many; a single resource may have more. */
  readonly responseBytes: number;
  /** Of one subscription. */
  readonly names: number;
  readonly nameLength: number;
  /** How many proxies are given their first configuration at a time, and for how long they may take. */
  readonly starting: number;
  readonly startingPatience: number;
  readonly keepalive: number;
  readonly keepaliveTimeout: number;
  /** After which a connection is closed, give or take a tenth, so that load spreads over replicas. */
  readonly connectionAge: number;
  readonly connectionGrace: number;
}

export const defaultLimits: Limits = {
  streams: 10_000,
  requestBytes: 8 << 20,
  responseBytes: 128 << 10,
  names: 50_000,
  nameLength: 4096,
  starting: 50,
  startingPatience: 10_000,
  keepalive: 30_000,
  keepaliveTimeout: 10_000,
  connectionAge: 30 * 60_000,
  connectionGrace: 10_000,
};

export function serverOptions(limits: Limits): ServerOptions {
  return {
    'grpc.max_receive_message_length': limits.requestBytes,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': limits.keepalive,
    'grpc.keepalive_timeout_ms': limits.keepaliveTimeout,
    'grpc.max_connection_age_ms': limits.connectionAge,
    'grpc.max_connection_age_grace_ms': limits.connectionGrace,
    'grpc.max_concurrent_streams': 100,
  };
}
