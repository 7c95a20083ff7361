// A resource looked at branch by branch, and looked through a stretch at a time: what is not shown is not read.
import { expect, test } from 'vitest';

import type { TreeLine } from '../../../../src/admin/console/api.ts';
import { searchConfiguration } from '../../../../src/daemon/introspection/console/configuration-search.ts';
import { resourceBranch } from '../../../../src/daemon/introspection/console/resource-tree.ts';
import type { Configuration, Resource } from '../../../../src/model/envoy/resource.ts';
import { resourceTypes } from '../../../../src/model/envoy/resource.ts';
import { from } from '../../../../src/translate/provenance.ts';
import { cachedResource } from '../../../../src/xds/codec/cache.ts';

const cause = { kind: 'VirtualService', namespace: 'shop', name: 'catalog', path: 'spec.http[0].timeout' };

const virtualHost = (i: number): object => ({
  name: `host-${i}`,
  domains: [`host-${i}.example.com`],
  routes: [
    {
      match: { prefix: '/' },
      route: from(cause, { cluster: `outbound-${i}`, timeout: '5s' }),
      typed_per_filter_config: { 'envoy.filters.http.fault': { '@type': faultType, max_active_faults: 7 } },
    },
  ],
});

const faultType = 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault';

/** A route configuration of so many virtual hosts, and which of them have been read since it was encoded. */
function routes(hosts: number): { readonly resource: Resource; readonly read: Set<string> } {
  const read = new Set<string>();
  const resources = Array.from({ length: hosts }, (_, i): Resource => {
    const message = virtualHost(i);
    const name = `host-${i}`;
    return {
      type: resourceTypes.virtualHost,
      name,
      get message() {
        read.add(name);
        return message;
      },
    };
  });
  const message = { name: '80', validate_clusters: false };
  const resource = { type: resourceTypes.route, name: '80', message, parts: { field: 'virtual_hosts', resources } };
  cachedResource(resource);
  read.clear();
  return { resource, read };
}

const root = { field: '', open: '', offset: undefined };
const steps = (lines: readonly TreeLine[] | undefined): readonly string[] => (lines ?? []).map(({ step }) => step);

test('a closed branch is told with its length, and nothing of it is read or sent', () => {
  const { resource, read } = routes(1000);
  const branch = resourceBranch(resource, root);
  expect(branch?.version).toBe(cachedResource(resource).version);
  expect(branch?.lines.items).toMatchObject([
    { step: '@type' },
    { step: 'name', value: '80' },
    { step: 'validate_clusters', value: 'false' },
    { step: 'virtual_hosts', parts: 1000, words: '1000' },
  ]);
  expect(read.size).toBe(0);
  expect(JSON.stringify(branch).length).toBeLessThan(1000);
});

test('an opened one is read as far as it is shown', () => {
  const { resource, read } = routes(1000);
  const branch = resourceBranch(resource, { field: 'virtual_hosts', open: '', offset: 950 });
  expect(branch?.lines).toMatchObject({ total: 1000, offset: 950 });
  expect(branch?.lines.items[0]).toEqual({ step: '[950]', causes: [], parts: 3, words: 'host-950' });
  expect(read.size).toBe(50);
});

test('a small one comes along', () => {
  const [hosts] = resourceBranch(routes(2).resource, root)?.lines.items.slice(-1) ?? [];
  expect(steps(hosts?.below?.items)).toEqual(['[0]', '[1]']);
  expect(steps(hosts?.below?.items[1]?.below?.items)).toEqual(['domains', 'name', 'routes']);
});

test('the way to a field is opened, with the causes of its lines', () => {
  const { resource, read } = routes(1000);
  const open = 'virtual_hosts[700].routes[0].route.timeout';
  const hosts = resourceBranch(resource, { ...root, open })?.lines.items.at(-1)?.below;
  expect(hosts).toMatchObject({ offset: 700, total: 1000 });
  const route = hosts?.items[0]?.below?.items.find(({ step }) => step === 'routes')?.below?.items[0];
  const timeout = route?.below?.items.find(({ step }) => step === 'route')?.below?.items.at(-1);
  expect(timeout).toEqual({ step: 'timeout', value: '5s', causes: [cause] });
  expect(read.size).toBe(50);
});

test('fields whose names have dots in them are found, and those that are not there are not', () => {
  const { resource } = routes(3);
  const at = (field: string) => resourceBranch(resource, { ...root, field });
  const fault = 'virtual_hosts[1].routes[0].typed_per_filter_config.envoy.filters.http.fault';
  expect(steps(at(fault)?.lines.items)).toEqual(['@type', 'max_active_faults']);
  expect(at(`${fault}s`)).toBeUndefined();
  expect(at('virtual_hosts[3]')).toBeUndefined();
});

const configurationOf = (...resources: readonly Resource[]): Configuration => ({
  cluster: [],
  endpoint: [],
  listener: [],
  route: [{ scope: 'x', resources: new Map(resources.map((each) => [each.name, each])) }],
  virtualHost: [],
  extension: [],
});

test('names are found without a look inside', async () => {
  const { resource, read } = routes(1000);
  const { hits, next } = await searchConfiguration(configurationOf(resource), '80', undefined);
  expect(hits).toEqual([{ kind: 'route', name: '80', field: '', value: '', causes: [] }]);
  expect(next).toBe(0);
  expect(read.size).toBe(0);
});

test('what is inside is found a stretch at a time, with the way to it and its causes, and read once', async () => {
  const { resource, read } = routes(500);
  const configuration = configurationOf(resource);
  const found: string[] = [];
  let answers = 0;
  for (let after: number | undefined = 0, most = 0; after !== undefined; answers++) {
    const { hits, next, complete } = await searchConfiguration(configuration, 'OUTBOUND-33', after);
    found.push(...hits.map(({ field, value }) => `${field} ${value}`));
    expect(hits.every(({ causes }) => causes[0] === cause)).toBe(true);
    expect(read.size).toBeLessThanOrEqual((most += 120));
    expect(complete).toBe(next === undefined);
    after = next;
  }
  expect(answers).toBeGreaterThan(3);
  expect(found).toHaveLength(11);
  expect(found[0]).toBe('virtual_hosts[33].routes[0].route.cluster outbound-33');
  const again = await searchConfiguration(configuration, 'virtual_hosts[499].routes[0].route.timeout', 0);
  expect(again).toMatchObject({ complete: true, hits: [{ field: 'virtual_hosts[499].routes[0].route.timeout' }] });
});
