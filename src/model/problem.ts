// A Problem is a mistake in what a user wrote, as a value: it is returned beside a result and never thrown.
import type { SourceRef } from './source.ts';

export type Severity = 'error' | 'warning';

/** Where a problem stands in a file: 1-based line and column. */
export interface FilePosition {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

export interface Problem {
  /** Stable and short, for machines and for the documentation: `unknown-field`, `invalid-yaml`. */
  readonly code: string;
  /** An error leaves its object out; a warning does not. */
  readonly severity: Severity;
  /** One sentence: what is wrong and what would be right. */
  readonly message: string;
  /** The object and field at fault; absent when not even an object could be read. */
  readonly source?: SourceRef;
  readonly position?: FilePosition;
}
