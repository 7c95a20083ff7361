// A problem before it is known where its object stands: what a schema or a rule says about one field.
import type { FilePosition, Problem, Severity } from '../model/problem.ts';
import type { SourceRef } from '../model/source.ts';
import type { FieldPath } from './field-path.ts';
import { formatPath } from './field-path.ts';

export interface Draft {
  readonly code: string;
  readonly severity: Severity;
  readonly path: FieldPath;
  readonly message: string;
}
/** What a check yields, one by one. */
export type Drafts = Generator<Draft, void>;

const make =
  (code: string, severity: Severity) =>
  (path: FieldPath, message: string): Draft => ({ code, severity, path, message });

/** The value is not one that is allowed here. */
export const invalid = make('invalid-value', 'error');
/** Something needed is not there. */
export const missing = make('required-field', 'error');
/** Fields that exclude each other are both there. */
export const conflict = make('conflicting-fields', 'error');
/** A name or number that must be unique is there twice. */
export const duplicate = make('duplicate-value', 'error');
/** Understood, but not done. */
export const unsupported = make('unsupported-value', 'error');
/** Accepted, but probably not what was meant. */
export const doubtful = make('doubtful-value', 'warning');
/** Accepted, but there is a newer way. */
export const deprecated = make('deprecated-field', 'warning');
/** Never takes effect. */
export const unreachable = make('unreachable-rule', 'warning');

/** The problem of the object `source`, whose fields `locate` finds in their file. */
export function problemOf(draft: Draft, source: SourceRef, locate?: (path: FieldPath) => FilePosition): Problem {
  const ref = draft.path.length === 0 ? source : { ...source, path: formatPath(draft.path) };
  return {
    code: draft.code,
    severity: draft.severity,
    message: draft.message,
    source: ref,
    ...(locate && { position: locate(draft.path) }),
  };
}
