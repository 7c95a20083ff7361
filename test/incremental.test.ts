// The cost of a change: what is built anew is what the change touches, whatever the size of the mesh.
import { describe, expect, it, vi } from 'vitest';

import { rebuilt } from '../bench/count.ts';
import { applyObjects, changes, meshOf, nodesOf } from '../bench/mesh.ts';
import type { Configuration, Resource } from '../src/model/envoy/resource.ts';
import { Topic } from '../src/model/notes.ts';
import { ownLabels } from '../src/model/proxy/self-labels.ts';
import type { Snapshot } from '../src/model/snapshot.ts';
import { translate } from '../src/translate/translate.ts';
import { meshConfigMap } from './support/objects/mesh-config.ts';

const proxies = 20;

function configurations(snapshot: Snapshot): readonly Configuration[] {
  const translation = translate(snapshot);
  return nodesOf(proxies).map((node) => {
    const configuration = translation.configuration(node);
    if (configuration === undefined) throw new Error('not a proxy');
    return configuration;
  });
}

function rebuiltBy(change: string, services: number): readonly Resource[] {
  const before = meshOf(services);
  const first = configurations(before);
  const applied = changes.find(({ name }) => name === change)?.apply(before, services) ?? before;
  return rebuilt(first, configurations(applied));
}

const shortNames = (resources: readonly Resource[]): readonly string[] =>
  resources.map(({ type, name }) => `${type.slice(type.lastIndexOf('.') + 1)} ${name}`).toSorted();

const host = 'svc-0000.mesh-0.svc.cluster.local';

describe('a change in a mesh of 1,000 services and 20 proxies in 10 namespaces', () => {
  it('of one endpoint rebuilds the load assignments of its service and nothing else', () => {
    expect(new Set(shortNames(rebuiltBy('endpoint removed', 1000)))).toEqual(
      new Set(['', 'v1', 'v2'].map((subset) => `ClusterLoadAssignment outbound|80|${subset}|${host}`)),
    );
  });

  it('of one endpoint rebuilds each load assignment once for all proxies that see it alike', () => {
    // Namespace 0 sees the same policies as all others: the DestinationRule is exported to everybody.
    expect(rebuiltBy('endpoint removed', 1000)).toHaveLength(3);
  });

  it('of one VirtualService rebuilds the virtual hosts it names and the route configurations that hold them', () => {
    const names = shortNames(rebuiltBy('VirtualService weight', 1000));
    const hosts = names.filter((name) => name.startsWith('VirtualHost'));
    const rest = names.filter((name) => !name.startsWith('VirtualHost'));
    expect(new Set(hosts)).toEqual(new Set([`VirtualHost 80/${host}:80`]));
    expect(new Set(rest)).toEqual(new Set(['RouteConfiguration 80']));
    // One for each namespace that looks at it: short names differ.
    expect(hosts.length).toBeLessThanOrEqual(10);
    expect(rest.length).toBeLessThanOrEqual(10);
  });

  it('of one endpoint rebuilds once for all proxies of a locality what depends on where they are', () => {
    const ejecting = { outlierDetection: { consecutive5xxErrors: 5 } };
    const spec = { host: 'svc-0000', trafficPolicy: ejecting, subsets: [{ name: 'v1', labels: { version: 'v1' } }] };
    const metadata = { name: 'svc-0000', namespace: 'mesh-0' };
    const rule = { apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata, spec };
    const before = applyObjects(meshOf(100), [rule]);
    const first = configurations(before);
    const after = changes.find(({ name }) => name === 'endpoint removed')?.apply(before, 100) ?? before;
    expect(rebuilt(first, configurations(after))).toHaveLength(2);
  });

  it('of nothing at all rebuilds nothing', () => {
    expect(shortNames(rebuiltBy('nothing (same content)', 1000))).toEqual([]);
  });

  it('that concerns no configuration leaves each proxy with the very same one', () => {
    const before = meshOf(100);
    const nodes = nodesOf(proxies);
    const [first, second] = [before, { ...before, version: before.version + 1 }].map((snapshot) => translate(snapshot));
    for (const node of nodes) expect(second?.configuration(node)).toBe(first?.configuration(node));
  });
});

describe('namespaces', () => {
  const rule = (spec: object) => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: 'mine', namespace: 'mesh-3' },
    spec: { host: 'svc-0000.mesh-0.svc.cluster.local', trafficPolicy: { loadBalancer: { simple: 'RANDOM' } }, ...spec },
  });
  /** Of the first proxy of each namespace. */
  const shared = (all: readonly Configuration[], type: 'cluster' | 'endpoint') =>
    new Set(all.slice(0, 10).map((each) => each[type][0]?.resources)).size;

  it('to which nothing particular is said have the very same clusters and endpoints', () => {
    const before = meshOf(100);
    const everybody = configurations(before);
    const one = configurations(applyObjects(before, [rule({ exportTo: ['.'] })]));
    const all = configurations(applyObjects(before, [rule({ exportTo: ['*'] })]));
    expect([everybody, one, all].map((each) => shared(each, 'cluster'))).toEqual([1, 2, 2]);
    expect([everybody, one, all].map((each) => shared(each, 'endpoint'))).toEqual([1, 2, 2]);
  });
});

describe('what is looked up for a change', () => {
  /** Asks what is known of an object. */
  const lookUps = (change: string, services: number): number => {
    const before = meshOf(services);
    const kept = configurations(before);
    const applied = changes.find(({ name }) => name === change)?.apply(before, services) ?? before;
    const asked = vi.spyOn(Topic.prototype, 'of');
    expect(configurations(applied)).toHaveLength(kept.length);
    const count = asked.mock.calls.length;
    asked.mockRestore();
    return count;
  };

  it.each(['endpoint removed', 'VirtualService weight', 'DestinationRule limit'])(
    'of %s grows with the rules, and not with services that have none or with namespaces',
    (change) => {
      // A tenth of the services has rules.
      expect(lookUps(change, 800) - lookUps(change, 200)).toBeLessThan(20 * 60);
    },
  );
});

describe('proxies that know their own names', () => {
  const config = meshConfigMap({ defaultProviders: { metrics: ['prometheus'] }, enableTracing: true });
  const database = (port: number) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'database', namespace: 'mesh-0' },
    spec: { clusterIP: '10.95.0.1', selector: { app: 'database' }, ports: [{ name: 'tcp', port }] },
  });
  const nodes = nodesOf(proxies).map((node) => ({ ...node, metadata: { ...node.metadata, ...ownLabels } }));
  const listenersOf = (snapshot: Snapshot): readonly Resource[] => {
    const translation = translate(snapshot);
    const all = nodes.flatMap((node) => translation.configuration(node)?.listener ?? []);
    return [...new Set(all.flatMap(({ resources }) => [...resources.values()]))];
  };

  it('have all that they send by in common, and a change remakes a listener once for all', () => {
    const before = applyObjects(meshOf(100), [config, database(5432)]);
    const known = listenersOf(before);
    const [outbound, inbound] = [true, false].map((sent) =>
      known.filter(({ name }) => (name !== 'virtualInbound') === sent),
    );
    expect(outbound?.map(({ name }) => name).toSorted()).toEqual(['0.0.0.0_80', '10.95.0.1_5432', 'virtualOutbound']);
    expect(inbound).toHaveLength(proxies);
    const after = listenersOf(applyObjects(before, [database(5433)]));
    expect(shortNames(after.filter((one) => !known.includes(one)))).toEqual(['Listener 10.95.0.1_5433']);
  });
});

describe.each(changes.filter(({ name }) => name !== 'namespace STRICT'))('$name', ({ name }) => {
  it('rebuilds no more in a large mesh than in a small one', () => {
    expect(rebuiltBy(name, 400).length).toBe(rebuiltBy(name, 100).length);
  });
});
