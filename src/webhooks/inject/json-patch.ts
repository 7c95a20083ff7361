// The difference between two JSON values as RFC 6902 operations. In lists what is equal at the beginning and at the end
// stays untouched.
// https://www.rfc-editor.org/rfc/rfc6902
import type { JsonPatchOperation } from '../admission-review.ts';

import { isDeepStrictEqual } from 'node:util';

import type { Json } from './pod/pod.ts';
import { isObject } from './pod/pod.ts';

export function jsonPatch(before: unknown, after: unknown, path = ''): readonly JsonPatchOperation[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (isObject(before) && isObject(after)) return objectPatch(before, after, path);
  if (Array.isArray(before) && Array.isArray(after)) return listPatch(before, after, path);
  return [{ op: 'replace', path, value: after }];
}

function objectPatch(before: Json, after: Json, path: string): readonly JsonPatchOperation[] {
  const removed = Object.keys(before).filter((key) => before[key] !== undefined && after[key] === undefined);
  const kept = Object.keys(after).filter((key) => after[key] !== undefined);
  return [
    ...removed.map((key): JsonPatchOperation => ({ op: 'remove', path: `${path}/${escape(key)}` })),
    ...kept.flatMap((key): readonly JsonPatchOperation[] => {
      const at = `${path}/${escape(key)}`;
      return before[key] === undefined
        ? [{ op: 'add', path: at, value: after[key] }]
        : jsonPatch(before[key], after[key], at);
    }),
  ];
}

function listPatch(before: readonly unknown[], after: readonly unknown[], path: string): readonly JsonPatchOperation[] {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && isDeepStrictEqual(before[start], after[start])) start += 1;
  let end = 0;
  while (end < shorter - start && isDeepStrictEqual(before.at(-1 - end), after.at(-1 - end))) end += 1;
  const old = before.slice(start, before.length - end);
  const now = after.slice(start, after.length - end);
  if (old.length === now.length)
    return now.flatMap((value, index) => jsonPatch(old[index], value, `${path}/${start + index}`));
  return [
    ...old.map((): JsonPatchOperation => ({ op: 'remove', path: `${path}/${start}` })),
    ...now.map((value, index): JsonPatchOperation => ({ op: 'add', path: `${path}/${start + index}`, value })),
  ];
}

const escape = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');
