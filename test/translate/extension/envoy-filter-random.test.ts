// Properties of whatever EnvoyFilters are written: nothing crashes, everything can be sent, nobody else notices, and what is
// left after changes is what the last state gives from scratch.
import fc from 'fast-check';
import { expect, it } from 'vitest';

import type { Configuration, Resource } from '../../../src/model/envoy/resource.ts';
import type { AnyObject } from '../../../src/model/schema/index.ts';
import type { Snapshot } from '../../../src/model/snapshot.ts';
import { defaultInstallation, installationWith } from '../../../src/translate/resolve/mesh-settings.ts';
import { translate } from '../../../src/translate/translate.ts';
import { withDerivedSlices } from '../../../src/watchers/endpoint-slices.ts';
import { parse } from '../../../src/watchers/parse.ts';
import { Store } from '../../../src/watchers/store.ts';
import { cachedResource } from '../../../src/xds/codec/cache.ts';
import { messageTypes } from '../../../src/xds/codec/message-types.ts';
import { randomEnvoyFilters } from '../../support/random-envoy-filter.ts';
import type { Raw } from '../../support/random-mesh.ts';
import { randomMeshNodes, randomObjects } from '../../support/random-mesh.ts';

const installation = installationWith(defaultInstallation.features, messageTypes);

/** As if nobody had checked them: what is wrong with a patch is to be found out by translation. */
function parsed(raws: readonly Raw[]): readonly AnyObject[] {
  const latest = new Map(raws.map((raw) => [`${raw.kind}/${raw.metadata.namespace}/${raw.metadata.name}`, raw]));
  return [...latest.values()].flatMap((raw) => parse(structuredClone(raw)).object ?? []);
}

const snapshotOf = (raws: readonly Raw[], store = new Store()): Snapshot =>
  store.apply('test', withDerivedSlices(parsed(raws)));

function configurationIn(snapshot: Snapshot, namespace: string): Configuration {
  const node = randomMeshNodes.find(({ id }) => id.includes(`.${namespace}~`));
  const configuration = node === undefined ? undefined : translate(snapshot, installation).configuration(node);
  if (configuration === undefined) throw new Error(`no proxy in ${namespace}`);
  return configuration;
}

const resourcesOf = (configuration: Configuration): readonly Resource[] =>
  Object.values(configuration)
    .flat()
    .flatMap(({ resources }) => [...resources.values()]);

const versions = (configuration: Configuration): readonly string[] =>
  resourcesOf(configuration)
    .map((resource) => `${resource.type} ${resource.name} ${cachedResource(resource).version}`)
    .toSorted();

const filters = randomEnvoyFilters('shop');

it('what is patched can be sent, and nobody else notices', () => {
  fc.assert(
    fc.property(randomObjects, filters, (mesh, patches) => {
      const store = new Store();
      const before = configurationIn(snapshotOf(mesh, store), 'bank');
      const snapshot = snapshotOf([...mesh, ...patches], store);
      versions(configurationIn(snapshot, 'shop'));
      const after = configurationIn(snapshot, 'bank');
      const same = resourcesOf(after).every((resource, i) => resource === resourcesOf(before)[i]);
      expect(same).toBe(true);
    }),
    { numRuns: 150 },
  );
});

it('patches that come and go leave nothing behind', () => {
  fc.assert(
    fc.property(randomObjects, filters, filters, (mesh, first, second) => {
      const store = new Store();
      configurationIn(snapshotOf([...mesh, ...first], store), 'shop');
      const patched = configurationIn(snapshotOf([...mesh, ...second], store), 'shop');
      expect(versions(patched)).toEqual(versions(configurationIn(snapshotOf([...mesh, ...second]), 'shop')));
      const without = configurationIn(snapshotOf(mesh, store), 'shop');
      expect(versions(without)).toEqual(versions(configurationIn(snapshotOf(mesh), 'shop')));
    }),
    { numRuns: 60 },
  );
});
