// A Problem is a mistake in what a user wrote, as a value: it is returned beside a result and never thrown.
import type { SourceRef } from './source.ts';
import { describeSource } from './source.ts';

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
  /** One sentence: what is wrong and what would be right. The object and field are in `source`. */
  readonly message: string;
  /** The object and field at fault; absent when not even an object could be read. */
  readonly source?: SourceRef;
  readonly position?: FilePosition;
}

/** On one line: `shop/routes.yaml:12:7: VirtualService shop/store spec.http[0]: there is no ...` */
export function describeProblem({ position, source, message }: Problem): string {
  const place = position === undefined ? [] : [describePosition(position)];
  return [...place, ...(source === undefined ? [] : [describeSource(source)]), message].join(': ');
}

/** `shop/routes.yaml:12:7` */
export const describePosition = ({ file, line, column }: FilePosition): string =>
  [file, line, column].filter((part) => part !== undefined).join(':');

/** Each once, by its words. */
export const distinct = (problems: readonly Problem[]): readonly Problem[] => [
  ...new Map(problems.map((problem) => [describeProblem(problem), problem])).values(),
];
