// The same mesh in any order gives the same bytes: versions are made of them, and replicas have to agree.
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import type { Configuration } from '../src/model/envoy/resource.ts';
import type { Snapshot } from '../src/model/snapshot.ts';
import { translate } from '../src/translate/translate.ts';
import { withDerivedSlices } from '../src/watchers/endpoint-slices.ts';
import { Store } from '../src/watchers/store.ts';
import { nodeOfProxy } from '../src/cli/mesh/offline.ts';
import { cachedResource } from '../src/xds/codec/cache.ts';
import { goldenCases } from './support/objects/golden-cases.ts';
import { objectsOf } from './support/objects/snapshot.ts';

function versions(configuration: Configuration | undefined): readonly string[] {
  return Object.values(configuration ?? {})
    .flatMap((layers) => layers.flatMap((layer) => [...layer.resources.values()]))
    .map((resource) => `${resource.type} ${resource.name} ${cachedResource(resource).version}`)
    .toSorted();
}

const snapshotIn = (yaml: string, order: (documents: readonly unknown[]) => readonly unknown[]): Snapshot =>
  new Store().apply('test', withDerivedSlices(objectsOf(yaml, order)));

/** The same items in the order of the keys drawn for them. */
const shuffled =
  (keys: readonly number[]) =>
  (items: readonly unknown[]): readonly unknown[] =>
    items
      .map((item, i) => [keys[i % keys.length] ?? 0, i, item] as const)
      .toSorted((a, b) => a[0] - b[0] || a[1] - b[1])
      .map(([, , item]) => item);

describe.each(goldenCases)('$name', ({ input, proxy }) => {
  it('has the same bytes in any order of its documents', () => {
    const yaml = readFileSync(input, 'utf8');
    const written = snapshotIn(yaml, (documents) => documents);
    const expected = versions(translate(written).configuration(nodeOfProxy(proxy, written)));
    expect(expected.length).toBeGreaterThan(3);
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 20, maxLength: 20 }), (keys) => {
        const snapshot = snapshotIn(yaml, shuffled(keys));
        expect(versions(translate(snapshot).configuration(nodeOfProxy(proxy, snapshot)))).toEqual(expected);
      }),
      { numRuns: 10 },
    );
  });
});
