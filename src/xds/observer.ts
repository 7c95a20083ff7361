// What the server tells of its work while it does it: for metrics. Durations are milliseconds.
import type { TypeUrl } from '../model/envoy/resource.ts';

export interface XdsObserver {
  /** One response; finding out what differs, and encoding it, `took` that long. */
  readonly sent: (type: TypeUrl, resources: number, bytes: number, took: number, connection: string) => void;
  /** A proxy has answered a response, `after` it was sent. */
  readonly settled: (type: TypeUrl, accepted: boolean, after: number, connection: string) => void;
  /** A proxy has answered the last response that one change caused, `after` the change. */
  readonly converged: (after: number) => void;
  /** All proxies have been gone through after a change, for which `made` resources had to be encoded. */
  readonly cycle: (took: number, made: number) => void;
}
