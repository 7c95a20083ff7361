// Properties of an east-west gateway in whatever mesh is written, and the cost of a change to it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { rebuilt } from '../../../bench/count.ts';
import { changes, meshOf } from '../../../bench/mesh.ts';
import type { Configuration, Resource } from '../../../src/model/envoy/resource.ts';
import type { Snapshot } from '../../../src/model/snapshot.ts';
import { translate } from '../../../src/translate/translate.ts';
import { withDerivedSlices } from '../../../src/watchers/endpoint-slices.ts';
import { parse } from '../../../src/watchers/parse.ts';
import { Store } from '../../../src/watchers/store.ts';
import { cachedResource } from '../../../src/xds/codec/cache.ts';
import { randomObjects } from '../../support/random/random-mesh.ts';

const between = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'Gateway',
  metadata: { name: 'between', namespace: 'edge' },
  spec: {
    servers: [
      { port: { number: 15443, name: 'tls', protocol: 'TLS' }, hosts: ['*'], tls: { mode: 'AUTO_PASSTHROUGH' } },
    ],
  },
};

const node = {
  id: 'router~10.2.9.9~gate-1.edge~edge.svc.cluster.local',
  cluster: 'gate.edge',
  metadata: { NAMESPACE: 'edge', INSTANCE_IPS: '10.2.9.9' },
};

function configuration(snapshot: Snapshot): Configuration {
  const found = translate(snapshot).configuration(node);
  if (found === undefined) throw new Error('not a proxy');
  return found;
}

const resources = (layers: Configuration['cluster']): readonly Resource[] =>
  layers.flatMap((layer) => [...layer.resources.values()]);

const namesOf = (found: readonly Resource[]): readonly string[] => found.map(({ name }) => name).toSorted();

interface Listener {
  readonly filter_chains: readonly {
    readonly filter_chain_match: { readonly server_names: readonly string[] };
    readonly filters: readonly { readonly typed_config: { readonly cluster: string } }[];
  }[];
}

const chainsOf = (found: Configuration): Listener['filter_chains'] =>
  resources(found.listener).flatMap(({ message }) => (message as Listener).filter_chains);

describe('an east-west gateway in a random mesh', () => {
  it('has a cluster behind every server name, and endpoints for every cluster that asks for them', () => {
    fc.assert(
      fc.property(randomObjects, (raws) => {
        const objects = [...raws, between].flatMap((raw) => parse(structuredClone(raw)).object ?? []);
        const found = configuration(new Store().apply('test', withDerivedSlices(objects)));
        for (const layers of Object.values(found)) for (const resource of resources(layers)) cachedResource(resource);
        const clusters = resources(found.cluster);
        expect(namesOf(clusters)).toEqual([...new Set(namesOf(clusters))]);
        const chains = chainsOf(found);
        const names = chains.flatMap(({ filter_chain_match: { server_names: own } }) => own);
        expect(names.toSorted()).toEqual(namesOf(clusters).filter((name) => name.startsWith('outbound_.')));
        expect(chains.flatMap(({ filters }) => filters.map((filter) => filter.typed_config.cluster))).toEqual(names);
        const eds = clusters.filter(({ message }) => (message as { type?: string }).type === 'EDS');
        expect(namesOf(eds)).toEqual(namesOf(resources(found.endpoint)));
      }),
      { numRuns: 150 },
    );
  });
});

describe('a change', () => {
  const withGateway = (snapshot: Snapshot): Snapshot => {
    const { object } = parse(structuredClone(between));
    if (object === undefined) throw new Error('no Gateway');
    const Gateway = new Map([['edge/between', object]]) as unknown as Snapshot['objects']['Gateway'];
    return { ...snapshot, objects: { ...snapshot.objects, Gateway } };
  };

  it('of one endpoint rebuilds the load assignments of its service and nothing else', () => {
    const before = withGateway(meshOf(200));
    const first = configuration(before);
    const after = changes.find(({ name }) => name === 'endpoint removed')?.apply(before, 200) ?? before;
    expect(namesOf(rebuilt([first], [configuration(after)]))).toEqual(
      [
        'outbound_.80_._.',
        'outbound_.80_.v1_.',
        'outbound_.80_.v2_.',
        'outbound|80|v1|',
        'outbound|80|v2|',
        'outbound|80||',
      ]
        .map((start) => `${start}svc-0000.mesh-0.svc.cluster.local`)
        .toSorted(),
    );
  });
});
