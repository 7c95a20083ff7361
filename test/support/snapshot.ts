// Snapshots for tests, from YAML as a user writes it.
import { parseAllDocuments } from 'yaml';

import { objectKey } from '../../src/model/object.ts';
import type { KindMap } from '../../src/model/schema/index.ts';
import type { Snapshot } from '../../src/model/snapshot.ts';
import { emptySnapshot, kinds } from '../../src/model/snapshot.ts';
import { parse } from '../../src/watchers/parse.ts';

/** All documents of `yaml`, in `order` if given; a refused object fails the test. */
export function snapshotOf(yaml: string, order: (documents: readonly unknown[]) => readonly unknown[] = (documents) => documents): Snapshot {
  const objects = Object.fromEntries(kinds.map((kind) => [kind, new Map<string, unknown>()]));
  const documents = parseAllDocuments(yaml).map((document) => document.toJS() as unknown);
  for (const raw of order(documents.filter((document) => document !== null))) {
    const { object, problems } = parse(raw);
    if (object === undefined) throw new Error(problems.map((problem) => problem.message).join('; '));
    objects[object.kind]?.set(objectKey(object.metadata.namespace, object.metadata.name), object);
  }
  return { ...emptySnapshot, version: 1, objects: objects as unknown as Snapshot['objects'] };
}

/** The one object in `yaml`. */
export function objectOf<K extends keyof KindMap>(kind: K, yaml: string): KindMap[K] {
  const [object] = snapshotOf(yaml).objects[kind].values();
  if (object === undefined) throw new Error(`there is no ${kind} in it`);
  return object as KindMap[K];
}
