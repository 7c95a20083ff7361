// Snapshots for tests, from YAML as a user writes it.
import { parseAllDocuments } from 'yaml';

import type { AnyObject, KindMap } from '../../../src/model/schema/index.ts';
import type { Snapshot } from '../../../src/model/snapshot.ts';
import { parse } from '../../../src/watchers/parse.ts';
import { Store } from '../../../src/watchers/store.ts';

/** All objects in `yaml`, in `order` if given; a refused object fails the test. */
export function objectsOf(
  yaml: string,
  order: (documents: readonly unknown[]) => readonly unknown[] = (documents) => documents,
): readonly AnyObject[] {
  const documents = parseAllDocuments(yaml).map((document) => document.toJS() as unknown);
  return order(documents.filter((document) => document !== null)).map((raw) => {
    const { object, problems } = parse(raw);
    if (object === undefined) throw new Error(problems.map((problem) => problem.message).join('; '));
    return object;
  });
}

/** What a directory with this YAML gives, but for derived endpoints. */
export const snapshotOf = (yaml: string): Snapshot => new Store().apply('test', objectsOf(yaml));

/** The one object in `yaml`. */
export function objectOf<K extends keyof KindMap>(kind: K, yaml: string): KindMap[K] {
  const [object] = snapshotOf(yaml).objects[kind].values();
  if (object === undefined) throw new Error(`there is no ${kind} in it`);
  return object;
}
