// Properties of whatever mesh is written: everything can be encoded, nothing refers to nothing, the order of the input does
// not matter, and what is left after many changes is what the last state gives from scratch.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Configuration, Resource } from '../src/model/envoy/resource.ts';
import type { AnyObject } from '../src/model/schema/index.ts';
import type { Snapshot } from '../src/model/snapshot.ts';
import type { Translation } from '../src/translate/translate.ts';
import { translate } from '../src/translate/translate.ts';
import { withDerivedSlices } from '../src/watchers/endpoint-slices.ts';
import { parse } from '../src/watchers/parse.ts';
import { Store } from '../src/watchers/store.ts';
import { cachedResource } from '../src/xds/codec/cache.ts';
import type { Raw } from './support/random/random-mesh.ts';
import { randomMeshNodes, randomObjects } from './support/random/random-mesh.ts';

/** The last version of each object, in a canonical order; refused ones are left out. */
function parsed(raws: readonly Raw[]): readonly AnyObject[] {
  const latest = new Map(raws.map((raw) => [`${raw.kind}/${raw.metadata.namespace}/${raw.metadata.name}`, raw]));
  return [...latest.values()].flatMap((raw) => parse(structuredClone(raw)).object ?? []);
}

const snapshotOf = (objects: readonly AnyObject[], store = new Store()): Snapshot =>
  store.apply('test', withDerivedSlices(objects));

const configurations = (translation: Translation): readonly Configuration[] =>
  randomMeshNodes.flatMap((node) => translation.configuration(node) ?? []);

const resourcesOf = (layers: Configuration['cluster']): readonly Resource[] =>
  layers.flatMap((layer) => [...layer.resources.values()]);

const versions = (snapshot: Snapshot): readonly string[] =>
  configurations(translate(snapshot)).flatMap((configuration) =>
    Object.values(configuration)
      .flatMap((layers) =>
        resourcesOf(layers).map((resource) => `${resource.name} ${cachedResource(resource).version}`),
      )
      .toSorted(),
  );

/** Every string in a message that stands under one of these fields. */
function strings(value: unknown, fields: ReadonlySet<string>, found: Set<string> = new Set()): ReadonlySet<string> {
  if (Array.isArray(value)) for (const item of value) strings(item, fields, found);
  else if (typeof value === 'object' && value !== null) {
    for (const [field, child] of Object.entries(value)) {
      if (typeof child === 'string' && fields.has(field)) found.add(child);
      else strings(child, fields, found);
    }
  }
  return found;
}

const parts = (resource: Resource): readonly object[] => [
  resource.message,
  ...(resource.parts?.resources ?? []).map((part) => part.message),
];

/** Clusters that routes name although there are none: Istio makes up names for hosts, ports and subsets it does not know. */
function isMadeUp(cluster: string, { cluster: layers }: Configuration): boolean {
  const [, port, subset, host] = cluster.split('|');
  const all = new Set(resourcesOf(layers).map(({ name }) => name));
  return !all.has(`outbound|${port}||${host}`) || (subset !== '' && !all.has(`outbound|${port}|${subset}|${host}`));
}

describe('a random mesh', () => {
  it('encodes without a bug and refers to nothing that is not there', () => {
    fc.assert(
      fc.property(randomObjects, (raws) => {
        for (const configuration of configurations(translate(snapshotOf(parsed(raws))))) {
          for (const layers of Object.values(configuration))
            for (const resource of resourcesOf(layers)) cachedResource(resource);
          const names = (kind: keyof Configuration): ReadonlySet<string> =>
            new Set(resourcesOf(configuration[kind]).map(({ name }) => name));
          const routeNames = [
            ...strings(
              resourcesOf(configuration.listener).map(({ message }) => message),
              new Set(['route_config_name']),
            ),
          ];
          expect(new Set(routeNames)).toEqual(names('route'));
          const eds = resourcesOf(configuration.cluster).filter(
            ({ message }) => (message as { type?: string }).type === 'EDS',
          );
          expect(new Set(eds.map(({ name }) => name))).toEqual(names('endpoint'));
          const used = strings(
            [...resourcesOf(configuration.listener), ...resourcesOf(configuration.route)].flatMap(parts),
            new Set(['cluster']),
          );
          const missing = [...used].filter((name) => !names('cluster').has(name));
          expect(missing.filter((name) => !name.startsWith('outbound|') || !isMadeUp(name, configuration))).toEqual([]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('gives the same bytes in any order', () => {
    fc.assert(
      fc.property(randomObjects, fc.infiniteStream(fc.nat()), (raws, keys) => {
        const objects = parsed(raws);
        const shuffled = objects
          .map((object) => [keys.next().value, object] as const)
          .toSorted(([a], [b]) => Number(a) - Number(b));
        expect(versions(snapshotOf(shuffled.map(([, object]) => object)))).toEqual(versions(snapshotOf(objects)));
      }),
      { numRuns: 120 },
    );
  });

  it('after any sequence of changes is what it would be from scratch', () => {
    fc.assert(
      fc.property(
        randomObjects,
        randomObjects,
        fc.array(fc.nat({ max: 29 }), { maxLength: 10 }),
        (first, second, removed) => {
          const store = new Store();
          let raws: readonly Raw[] = [...first, ...second];
          for (let count = first.length; count <= raws.length; count++)
            versions(snapshotOf(parsed(raws.slice(0, count)), store));
          for (const i of removed) {
            raws = raws.filter((_, position) => position !== i);
            versions(snapshotOf(parsed(raws), store));
          }
          expect(versions(snapshotOf(parsed(raws), store))).toEqual(versions(snapshotOf(parsed(raws))));
        },
      ),
      { numRuns: 15 },
    );
  });
});
