// What parsing one object says, in a form that tables of expectations can be written in.
import type { ParseOptions } from '../../../src/watchers/parse.ts';
import type { Kind } from '../../../src/model/schema/index.ts';
import { apiVersions, kindTable } from '../../../src/watchers/kinds.ts';
import { parse } from '../../../src/watchers/parse.ts';

export const objectOf = (kind: Kind, spec: unknown, metadata: object = {}): object => ({
  apiVersion: apiVersions(kindTable[kind])[0],
  kind: kindTable[kind].objectKind,
  metadata: { name: 'sample', namespace: 'shop', ...metadata },
  spec,
});

/** `severity code path` of each problem; an empty list when the object is accepted without a word. */
export function verdict(raw: unknown, options: ParseOptions = {}): readonly string[] {
  const { object, problems } = parse(raw, options);
  const hasErrors = problems.some(({ severity }) => severity === 'error');
  if (hasErrors === (object !== undefined)) return ['an object exactly if there is no error'];
  return problems.map(({ severity, code, source }) => [severity, code, source?.path ?? ''].join(' ').trim());
}

export const specVerdict = (kind: Kind, spec: unknown, metadata: object = {}, options: ParseOptions = {}) =>
  verdict(objectOf(kind, spec, metadata), options);

/** A case of a table: what it shows, the spec, and the verdict. */
export type Case = readonly [title: string, spec: unknown, expected: readonly string[]];
