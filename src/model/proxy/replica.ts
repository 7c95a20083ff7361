// What the replicas of a control plane tell each other of their proxies when somebody asks one of them.
import type { SourceRef } from '../source.ts';
import type { CertificateHolder } from './certificate-holder.ts';
import type { TypeUrl } from '../envoy/resource.ts';
import type { ProxyStatus } from './proxy-status.ts';
import type { Push } from './push.ts';

/** A version of a resource that proxies reject, and the objects it came from. */
export interface RejectedResource {
  readonly type: TypeUrl;
  readonly name: string;
  readonly error: string;
  readonly nodes: readonly string[];
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly causes: readonly SourceRef[];
  /** The field that is likeliest to blame. */
  readonly source?: SourceRef | undefined;
}

export interface ReplicaQuestion {
  /** Names of what each proxy has are wanted, too. */
  readonly held?: boolean;
  /** What it has sent lately is wanted, too. */
  readonly pushes?: boolean;
  /** All configurations are to be made anew. */
  readonly push?: boolean;
}

export interface ReplicaAnswer {
  readonly proxies: readonly ProxyStatus[];
  readonly rejections: readonly RejectedResource[];
  /** By connection, then by type; empty if it was not asked for. */
  readonly held: Readonly<Record<string, Readonly<Record<TypeUrl, readonly string[]>>>>;
  /** The latest first; none if it was not asked for, or if its version does not tell. */
  readonly pushes?: readonly Push[];
  /** Proxies of whose certificates something is to be told; older versions do not say. */
  readonly uncertain?: readonly CertificateHolder[];
}

export interface PeerAnswers {
  /** By the name of the replica. */
  readonly answers: ReadonlyMap<string, ReplicaAnswer>;
  /** Replicas that are alive and did not answer. */
  readonly silent: readonly string[];
}

export type AskPeers = (question: ReplicaQuestion) => Promise<PeerAnswers>;

export const noPeers: PeerAnswers = { answers: new Map(), silent: [] };
