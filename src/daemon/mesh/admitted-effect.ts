// What an object that is about to be stored changes, in a sentence for who writes it: for which of the connected proxies, and
// what that means to traffic. It is found out as a push would make it, and given up when it takes long.
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response
import { setImmediate as breath } from 'node:timers/promises';

import { behavior } from '../../inspect/behavior.ts';
import type { ResourceChange } from '../../inspect/differences.ts';
import { differingResources } from '../../inspect/differing-resources.ts';
import { decodedKinds } from '../../model/envoy/decoded.ts';
import type { Configuration, Layer, NodeInfo, Resource } from '../../model/envoy/resource.ts';
import { memo, sharedList } from '../../model/memo.ts';
import { cachedResource } from '../../xds/codec/cache.ts';

/** What is looked at. */
export interface AdmittedChange {
  readonly proxies: readonly { readonly proxy: string; readonly node: NodeInfo }[];
  readonly before: (node: NodeInfo) => Configuration | undefined;
  readonly after: (node: NodeInfo) => Configuration | undefined;
}

const most = { proxies: 3, changes: 2 };
/** The longest that others are kept waiting, in milliseconds. */
const slice = 5;

/** Undefined if nothing changes, and if it takes more than `budget` milliseconds of work to know. */
export async function admittedEffect(change: AdmittedChange, budget: number): Promise<string | undefined> {
  const { proxies, before, after } = change;
  const changed: string[] = [];
  const words = new Set<string>();
  let [spent, began] = [0, performance.now()];
  for (const { proxy, node } of proxies) {
    const changes = changesBetween(before(node), after(node));
    if (changes.length > 0) changed.push(proxy);
    for (const each of changes) words.add(behavior(each));
    const now = performance.now();
    if (spent + now - began > budget) return undefined;
    if (now - began < slice) continue;
    spent += now - began;
    await breath();
    began = performance.now();
  }
  return changed.length === 0 ? undefined : sentence(changed.toSorted(), proxies.length, [...words]);
}

function sentence(changed: readonly string[], all: number, words: readonly string[]): string {
  const names = listed(changed, most.proxies);
  const what = listed(words, most.changes, '; ');
  return `this changes what ${changed.length} of ${all} connected proxies have (${names}): ${what}`;
}

function listed(items: readonly string[], limit: number, comma = ', '): string {
  const left = items.length - limit;
  return [...items.slice(0, limit), ...(left > 0 ? [`${left} more`] : [])].join(comma);
}

type Change = Pick<ResourceChange, 'kind' | 'name' | 'change'>;

/** The same list for proxies that have the same. */
function changesBetween(before: Configuration | undefined, after: Configuration | undefined): readonly Change[] {
  if (before === after || before === undefined || after === undefined) return [];
  return decodedKinds.flatMap((kind) => kindChanges(kind, sharedList(before[kind]), sharedList(after[kind])));
}

const kindChanges = memo(
  (kind: (typeof decodedKinds)[number], before: readonly Layer[], after: readonly Layer[]): readonly Change[] =>
    differingResources(before, after).flatMap(({ name, was, is }): readonly Change[] => {
      if (was === undefined) return [{ kind, name, change: 'appears' }];
      if (is === undefined) return [{ kind, name, change: 'disappears' }];
      return isSame(was, is) ? [] : [{ kind, name, change: 'changes' }];
    }),
);

/** Part by part: one virtual host is encoded to compare it, and not a thousand. */
function isSame(a: Resource, b: Resource): boolean {
  if (a === b) return true;
  const [as, bs] = [a.parts?.resources ?? [], b.parts?.resources ?? []];
  if (as.length !== bs.length || !as.every((part, i) => part === bs[i] || isSame(part, bs[i] as Resource)))
    return false;
  return a.message === b.message || cachedResource(withoutParts(a)).content === cachedResource(withoutParts(b)).content;
}

const withoutParts = memo((resource: Resource): Resource => {
  const { parts, ...own } = resource;
  return parts === undefined ? resource : own;
});

/** Lets work be done for at most this part of the time, so that a thousand objects at once are stored undelayed. */
const share = 0.1;

/** `work`, unless what was done last still weighs; then undefined. */
export function seldom<A extends readonly unknown[], R>(
  work: (...args: A) => Promise<R>,
): (...args: A) => Promise<R | undefined> {
  let free = 0;
  return async (...args) => {
    const began = performance.now();
    if (began < free) return undefined;
    free = Infinity;
    try {
      return await work(...args);
    } finally {
      const now = performance.now();
      free = now + (now - began) / share;
    }
  };
}
