// Whatever mesh is written: a host that is asked for is answered as the full configuration of the same proxy answers it, and
// what a lazy proxy has at once refers to nothing that it has not.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Configuration, Resource } from '../../../src/model/envoy/resource.ts';
import type { AnyObject } from '../../../src/model/schema/index.ts';
import { lazyConfiguration } from '../../../src/translate/lazy/lazy-configuration.ts';
import { translate } from '../../../src/translate/translate.ts';
import { withDerivedSlices } from '../../../src/watchers/endpoint-slices.ts';
import { parse } from '../../../src/watchers/parse.ts';
import { Store } from '../../../src/watchers/store.ts';
import { cachedResource } from '../../../src/xds/codec/cache.ts';
import { canonicalName, findResource } from '../../../src/xds/subscription/catalog.ts';
import type { MessageOf } from '../../../src/xds/generated/messages.ts';
import type { Raw } from '../../support/random/random-mesh.ts';
import { randomMeshNodes, randomObjects } from '../../support/random/random-mesh.ts';

type VirtualHost = MessageOf['envoy.config.route.v3.VirtualHost'];

function fullConfigurations(raws: readonly Raw[]): readonly Configuration[] {
  const latest = new Map(raws.map((raw) => [`${raw.kind}/${raw.metadata.namespace}/${raw.metadata.name}`, raw]));
  const objects: readonly AnyObject[] = [...latest.values()].flatMap((raw) => parse(structuredClone(raw)).object ?? []);
  const translation = translate(new Store().apply('test', withDerivedSlices(objects)));
  return randomMeshNodes
    .filter(({ id }) => id.startsWith('sidecar'))
    .flatMap((node) => translation.configuration(node) ?? []);
}

const resourcesOf = (layers: Configuration['cluster']): readonly Resource[] =>
  layers.flatMap(({ resources }) => [...resources.values()]);
const virtualHost = (resource: Resource | undefined): VirtualHost => resource?.message ?? {};
/** Without the objects behind them: what is made for one host is shared by all who are to have the same. */
const routesOf = (resource: Resource | undefined): string => JSON.stringify(virtualHost(resource).routes);
const domainsOf = (resource: Resource | undefined): readonly string[] => virtualHost(resource).domains ?? [];

/** Envoy's rules: a whole name, else the longest wildcard, else everything. */
function matching(hosts: readonly Resource[], host: string): Resource | undefined {
  const fits = (domain: string) =>
    domain === host ||
    domain === '*' ||
    (domain.startsWith('*') && host.length >= domain.length && host.endsWith(domain.slice(1)));
  const candidates = hosts.flatMap((resource) =>
    domainsOf(resource)
      .filter(fits)
      .map((domain) => ({ resource, rank: domain === host ? Infinity : domain.length })),
  );
  return candidates.toSorted((a, b) => b.rank - a.rank)[0]?.resource;
}

/** Names that clients may use: those of the virtual hosts, some below their wildcards, and some of nobody. */
const hostsWorthAsking = (hosts: readonly Resource[]): readonly string[] => [
  ...hosts
    .flatMap(domainsOf)
    .flatMap((domain) => (domain.startsWith('*.') ? [`a${domain.slice(1)}`, `a.b${domain.slice(1)}`] : [domain])),
  'nobody.example',
  'web.nobody',
];

const forEachMesh = (check: (full: Configuration, lazy: Configuration) => void): void =>
  fc.assert(
    fc.property(randomObjects, (raws) => {
      for (const full of fullConfigurations(raws)) check(full, lazyConfiguration(full));
    }),
    { numRuns: 60 },
  );

/** Route configurations that come without their hosts, with the hosts that they have in full. */
const fetched = (full: Configuration, lazy: Configuration): readonly Resource[] =>
  resourcesOf(full.route).filter(({ name }) => findResource(lazy.route, name)?.resource.parts === undefined);

let compared = 0;

describe('in a random mesh', () => {
  it('every host is routed as in the full configuration', () => {
    forEachMesh((full, lazy) => {
      for (const { name: routeName, parts } of fetched(full, lazy)) {
        const hosts = parts?.resources ?? [];
        for (const host of hostsWorthAsking(hosts).filter((each) => each !== '*')) {
          const name = canonicalName(lazy.virtualHost, `${routeName}/${host}`);
          const answer = findResource(lazy.virtualHost, name)?.resource;
          expect(answer?.name).toBe(name);
          expect(virtualHost(answer).name).toBe(name);
          expect(domainsOf(answer)).toContain(host);
          expect(routesOf(answer)).toEqual(routesOf(matching(hosts, host)));
          compared++;
        }
      }
    });
    expect(compared).toBeGreaterThan(1000);
  });

  it('no two virtual hosts that a proxy may hold have a domain in common', () => {
    forEachMesh((full, lazy) => {
      for (const { name: routeName, parts } of fetched(full, lazy)) {
        const asked = hostsWorthAsking(parts?.resources ?? []).map((host) =>
          canonicalName(lazy.virtualHost, `${routeName}/${host}`),
        );
        const held = [...new Set(asked)].flatMap((name) => findResource(lazy.virtualHost, name)?.resource ?? []);
        const domains = held.flatMap(domainsOf).map((domain) => domain.toLowerCase());
        expect(domains.length).toBe(new Set(domains).size);
      }
    });
  });

  it('a listener that is there has its clusters, and every other cluster can be asked for', () => {
    forEachMesh((full, lazy) => {
      const atOnce = new Set(
        lazy.cluster.filter((layer) => layer.onDemand === undefined).flatMap(({ resources }) => [...resources.keys()]),
      );
      const known = new Set(resourcesOf(full.cluster).map(({ name }) => name));
      for (const listener of resourcesOf(lazy.listener)) {
        const mentioned = JSON.stringify(listener.message).match(/"outbound\|[^"]+"/g) ?? [];
        const missing = mentioned
          .map((text) => text.slice(1, -1))
          .filter((name) => known.has(name) && !atOnce.has(name));
        expect(missing).toEqual([]);
      }
      for (const name of known) expect(findResource(lazy.cluster, name)).toBeDefined();
    });
  });

  it('everything is encoded', () => {
    forEachMesh((_full, lazy) => {
      for (const layers of Object.values(lazy)) for (const resource of resourcesOf(layers)) cachedResource(resource);
    });
  });
});
