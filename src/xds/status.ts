// What every connected proxy has been sent and has accepted: for people, `keelson proxy status` and metrics.
import type { WorkloadIdentity } from '../model/identity.ts';
import type { NodeInfo, TypeUrl } from '../model/resource.ts';

/** Times are milliseconds since 1970. */
export interface TypeStatus {
  readonly type: TypeUrl;
  /** How many resources the proxy has. */
  readonly resources: number;
  /** Everything that the mesh wants of this type has been sent and acknowledged. */
  readonly synced: boolean;
  /** The push cycles that the last response sent and the last one accepted belong to; 0 for none. */
  readonly sentVersion: number;
  readonly sentAt: number;
  readonly ackedVersion: number;
  readonly ackedAt: number;
  readonly nacks: number;
  /** In the proxy's words. */
  readonly lastNack: string | undefined;
}

export interface ProxyStatus {
  readonly node: NodeInfo;
  readonly identity: WorkloadIdentity | undefined;
  readonly connectedSince: number;
  /** All its types are. */
  readonly synced: boolean;
  readonly types: readonly TypeStatus[];
  /** Secrets that the proxy asks for and whose latest version it has not accepted. */
  readonly unacceptedSecrets: readonly string[];
}

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
