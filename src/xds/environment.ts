// What a stream finds around it: how resources are encoded, what proxies bear and have rejected, and who counts.
import type { NodeInfo, TypeUrl } from '../model/envoy/resource.ts';
import type { SecretSource } from '../model/external/secret-source.ts';
import type { Encode } from './subscription/proxy-state.ts';
import type { Quarantine } from './subscription/quarantine.ts';
import type { RequestLimits } from './subscription/requests.ts';
import type { Message } from './subscription/responses.ts';

export interface StreamEnvironment {
  readonly encode: Encode;
  readonly quarantine: Quarantine;
  readonly secrets: SecretSource | undefined;
  /** Whether a proxy takes the virtual hosts of its route configurations one by one. */
  readonly takesHosts: (node: NodeInfo) => boolean;
  readonly limits: RequestLimits & { readonly responseBytes: number };
  readonly now: () => number;
  /** The number of the push cycle that is under way or was the last. */
  readonly cycle: () => number;
  /** `took`: milliseconds that making the response took. */
  readonly onSent: (connection: string, type: TypeUrl, resources: number, bytes: number, took: number) => void;
  readonly onSettled: (connection: string, type: TypeUrl, accepted: boolean, after: number) => void;
  readonly onNack: (type: TypeUrl, node: NodeInfo, error: string) => void;
}

/** The gRPC call. */
export interface Transport {
  /** False: no more until `drained` is called. */
  write(response: Message): boolean;
  /** It takes nothing yet, until `drained` is called. */
  readonly isClosed?: boolean;
}
