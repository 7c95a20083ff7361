// Whatever mesh is written, a stock Envoy takes all that is made of it.
import type { NodeInfo } from '../../../src/model/envoy/resource.ts';
import type { Raw } from '../../support/random/random-mesh.ts';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { translate } from '../../../src/translate/translate.ts';
import { withDerivedSlices } from '../../../src/watchers/endpoint-slices.ts';
import { parse } from '../../../src/watchers/parse.ts';
import { Store } from '../../../src/watchers/store.ts';
import { acceptance } from '../../support/mesh/acceptance.ts';
import { ownNetwork, whyNoNetwork } from '../../support/mesh/network-namespace.ts';
import { randomMeshNodes, randomObjects } from '../../support/random/random-mesh.ts';

if (ownNetwork === undefined) process.stderr.write(`skipped: ${whyNoNetwork}\n`);

const seed = 20_260_401;
const meshes = fc.sample(randomObjects, { seed, numRuns: 24 });

/** The last version of each object; refused ones are left out. */
function configurationOf(raws: readonly Raw[], node: NodeInfo) {
  const latest = new Map(raws.map((raw) => [`${raw.kind}/${raw.metadata.namespace}/${raw.metadata.name}`, raw]));
  const objects = [...latest.values()].flatMap((raw) => parse(structuredClone(raw)).object ?? []);
  return translate(new Store().apply('test', withDerivedSlices(objects))).configuration(node);
}

describe.skipIf(ownNetwork === undefined)('a random mesh', { timeout: 60_000 }, () => {
  test.each(meshes.map((raws, index) => [index, raws] as const))('%i is taken whole', async (index, raws) => {
    const node = randomMeshNodes[index % randomMeshNodes.length];
    const configuration = node && configurationOf(raws, node);
    if (node === undefined || configuration === undefined) throw new Error('there is nothing to take');
    expect(configuration.cluster.length).toBeGreaterThan(0);
    expect(await acceptance(node, configuration)).toEqual({ nacks: [], inactive: [], state: 'LIVE' });
  });
});
