// What every connected proxy has been sent and has accepted: for people, debug endpoints and metrics.
import type { WorkloadIdentity } from './identity.ts';
import type { NodeInfo, TypeUrl } from '../envoy/resource.ts';

/** Times are milliseconds since 1970. */
export interface TypeStatus {
  readonly type: TypeUrl;
  /** How many resources the proxy has. */
  readonly resources: number;
  /** Everything that the mesh wants of this type has been sent and acknowledged. */
  readonly synced: boolean;
  /**
   * The push cycles that the last response sent and the last one accepted belong to; 0 for none. What a proxy had all of
   * when it came back counts as sent and accepted then.
   */
  readonly sentVersion: number;
  readonly sentAt: number;
  readonly ackedVersion: number;
  readonly ackedAt: number;
  readonly nacks: number;
  /** In the proxy's words; undefined once it has accepted something of this type again. */
  readonly lastNack: string | undefined;
}

export interface ProxyStatus {
  /** The replica that it is connected to, where several are looked at. */
  readonly replica?: string;
  /** Unique among the streams of this control plane: `pod.namespace-7`. */
  readonly connection: string;
  /** `pod.namespace` */
  readonly proxy: string;
  readonly namespace: string;
  /** Where it connects from. */
  readonly peer: string;
  readonly node: NodeInfo;
  readonly identity: WorkloadIdentity | undefined;
  readonly connectedSince: number;
  /** All its types are. */
  readonly synced: boolean;
  readonly types: readonly TypeStatus[];
  /** Secrets that the proxy asks for and whose latest version it has not accepted. */
  readonly unacceptedSecrets: readonly string[];
}

/** `pod.namespace` of a node id of the form `type~address~pod.namespace~dns domain`; other ids stay as they are. */
export const proxyName = ({ id }: NodeInfo): string => id.split('~')[2] ?? id;

/** What the node says, else what its id does; '' if neither. */
export function proxyNamespace(node: NodeInfo): string {
  const claimed = node.metadata['NAMESPACE'];
  if (typeof claimed === 'string' && claimed !== '') return claimed;
  const name = proxyName(node);
  return name.slice(name.lastIndexOf('.') + 1);
}
