// How far the configuration has come: what every connected proxy is to have, and what of it has not arrived.
import type { Layer, Resource } from '../envoy/resource.ts';

export interface Delivery {
  readonly proxies: readonly ProxyDelivery[];
  /** Wanted versions that proxies reject. */
  readonly refusals: readonly Refusal[];
}

export interface ProxyDelivery {
  readonly layers: readonly Layer[];
  /** Sent and not answered yet, or still to be sent. */
  readonly pending: readonly Resource[];
}

export interface Refusal {
  /** Of the layers that have the resource. */
  readonly scope: string;
  readonly resource: Resource;
  /** What of it is other than in the version that is in force. */
  readonly causing: readonly Resource[];
  /** In the proxy's words. */
  readonly error: string;
}
