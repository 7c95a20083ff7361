// What became of one change: what was sent because of it, and until when proxies had answered.
import type { SourceRef } from '../source.ts';

/** What was sent because of one change, or because proxies came. */
export interface Push {
  /** The replica that sent it, where several are looked at: each sends to its own proxies. */
  readonly replica?: string;
  /** Of one replica. */
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The first of them; none for proxies that came, and for keys and certificates. */
  readonly causes: readonly PushCause[];
  /** Causes that are not listed. */
  readonly more: number;
  readonly responses: number;
  readonly resources: number;
  readonly bytes: number;
  readonly rejected: number;
  /** Responses that are not answered. */
  readonly open: number;
  /** Milliseconds from `at` to the last answer; undefined before the first. */
  readonly settledAfter: number | undefined;
}

export interface PushCause {
  readonly change: 'added' | 'changed' | 'removed';
  readonly object: SourceRef;
}
