// What takes the place of a listener that proxies refuse, and where the last good version is enough.
import { describe, expect, test } from 'vitest';

import type { Resource } from '../../../src/model/envoy/resource.ts';
import { resourceTypes } from '../../../src/model/envoy/resource.ts';
import { substitutes } from '../../../src/translate/refused/substitutes.ts';
import { Quarantine } from '../../../src/xds/subscription/quarantine.ts';
import { cachedResource } from '../../../src/xds/codec/cache.ts';

const type = (name: string): { '@type': string } => ({ '@type': `type.googleapis.com/envoy.${name}` });
const rbac = (policy: string): object => ({
  name: 'envoy.filters.http.rbac',
  typed_config: {
    ...type('extensions.filters.http.rbac.v3.RBAC'),
    rules: { action: 'DENY', policies: { [policy]: { permissions: [{ any: true }], principals: [{ any: true }] } } },
  },
});
const fault = { name: 'fault', typed_config: type('extensions.filters.http.fault.v3.HTTPFault') };
const router = { name: 'router', typed_config: type('extensions.filters.http.router.v3.Router') };

interface Chain {
  readonly name?: string;
  readonly match?: object;
  readonly http?: readonly object[];
  readonly prefix?: string;
}
const listener = (...chains: readonly Chain[]): Resource => ({
  type: resourceTypes.listener,
  name: 'in',
  message: {
    name: 'in',
    filter_chains: chains.map(({ name = '80', match = { destination_port: 80 }, http = [], prefix = 'in' }) => ({
      name,
      filter_chain_match: match,
      filters: [
        {
          name: 'http',
          typed_config: {
            ...type('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'),
            stat_prefix: prefix,
            http_filters: [...http, router],
          },
        },
      ],
    })),
  },
});
/** `stat_prefix`, and of each chain the filters in order: rbac by its policy. */
const told = ({ message }: Resource): readonly string[] =>
  (message as { filter_chains: readonly { filters: readonly { typed_config: Manager }[] }[] }).filter_chains.map(
    ({ filters }) =>
      filters
        .flatMap(({ typed_config: { stat_prefix: prefix, http_filters: http } }) => [
          prefix,
          ...http.map(({ name, typed_config: { rules } }) => Object.keys(rules?.policies ?? { [name]: 0 })[0]),
        ])
        .join(' '),
  );
interface Manager {
  readonly stat_prefix: string;
  readonly http_filters: readonly {
    readonly name: string;
    readonly typed_config: { readonly rules?: { readonly policies: object } };
  }[];
}

describe('a refused listener', () => {
  test('with the policies of the last good one has that in its place', () => {
    const good = listener({ http: [rbac('a')] });
    expect(substitutes(listener({ http: [rbac('a'), fault], prefix: 'new' }), good)).toEqual([]);
    expect(substitutes({ ...good, type: resourceTypes.cluster }, listener({}))).toEqual([]);
  });

  test('with others gets these into the last good one; at last nobody comes in', () => {
    const good = listener({ http: [rbac('a'), fault] });
    const all = substitutes(listener({ http: [rbac('b')], prefix: 'new' }), good);
    expect(all.map(({ resource }) => told(resource))).toEqual([
      ['in b fault router'],
      ['in keelson-refused-policies a fault router'],
    ]);
  });

  test('keeps what a patch added, and what it added to ours', () => {
    const unpatched = listener({ http: [rbac('a')] });
    const good = { ...listener({ http: [rbac('mine'), rbac('a'), fault] }), unpatched };
    const [first] = substitutes(listener({ http: [rbac('b')] }), good);
    expect(told(first!.resource)).toEqual(['in b mine fault router']);
    // And so does the next one that is adapted.
    const [second] = substitutes(listener({ http: [rbac('c')] }), first!.resource);
    expect(told(second!.resource)).toEqual(['in c mine fault router']);
  });

  test('is tried without patches, unless these add filters', () => {
    const unpatched = listener({ http: [rbac('b')] });
    const good = listener({ http: [rbac('a')] });
    const changed = { ...listener({ http: [rbac('b')], prefix: 'patched' }), unpatched };
    expect(substitutes(changed, good).map(({ resource }) => told(resource)[0])).toEqual([
      'in b router',
      'in b router',
      'in keelson-refused-policies a router',
    ]);
    expect(substitutes(changed, undefined).map(({ resource }) => resource)).toEqual([unpatched]);
    const added = { ...listener({ http: [fault, rbac('b')] }), unpatched };
    expect(substitutes(added, good)).toHaveLength(2);
    expect(substitutes(added, undefined)).toEqual([]);
  });

  test('that takes no plaintext any more lets nobody in that way', () => {
    const plain = { name: 'plain', match: { destination_port: 80, transport_protocol: 'raw_buffer' } };
    const tls = { name: 'tls', match: { destination_port: 80, transport_protocol: 'tls' } };
    const other = { name: 'other', match: { destination_port: 81 } };
    const [first] = substitutes(listener(tls), listener(tls, plain, other));
    expect(told(first!.resource)).toEqual(['in router', 'in keelson-refused-policies router', 'in router']);
  });
});

describe('in quarantine', () => {
  const by = { node: 'n', error: 'no', at: 1 };
  const content = (resource: Resource): string => cachedResource(resource).content;
  const open = (): Quarantine => new Quarantine({ substitutes, encode: cachedResource });
  const inForce = (quarantine: Quarantine, wanted: Resource, held?: Resource): Resource | string => {
    const found = quarantine.inForce('s', cachedResource(wanted), held && cachedResource(held));
    return typeof found === 'string' ? found : found.source;
  };

  test('each is tried once, none becomes the last good version, and the wanted one does not come back', () => {
    const quarantine = open();
    const good = listener({ http: [rbac('a')] });
    const wanted = listener({ http: [rbac('b')], prefix: 'new' });
    quarantine.accepted('s', cachedResource(good));
    quarantine.rejected('s', cachedResource(wanted), by);
    const adapted = inForce(quarantine, wanted) as Resource;
    expect(told(adapted)).toEqual(['in b router']);
    quarantine.accepted('s', cachedResource(adapted));
    expect(content(inForce(quarantine, wanted) as Resource)).toBe(content(adapted));
    quarantine.rejected('s', cachedResource(adapted), by);
    const closed = inForce(quarantine, wanted) as Resource;
    expect(told(closed)).toEqual(['in keelson-refused-policies a router']);
    quarantine.rejected('s', cachedResource(closed), by);
    expect(content(inForce(quarantine, wanted) as Resource)).toBe(content(good));
    expect(quarantine.rejections().map(({ instead }) => instead)).toEqual([
      'the last good version with the new policies',
      'the last good version, letting nobody in where policies have changed',
      undefined,
    ]);
  });

  test('a proxy that has what stands in keeps it, also where nothing was ever accepted', () => {
    const quarantine = open();
    const held = listener({ http: [rbac('a')] });
    const wanted = listener({ http: [rbac('b')], prefix: 'new' });
    quarantine.rejected('s', cachedResource(wanted), { ...by, held: cachedResource(held) });
    const adapted = inForce(quarantine, wanted, held) as Resource;
    quarantine.rejected('s', cachedResource(adapted), { ...by, held: cachedResource(held) });
    const closed = inForce(quarantine, wanted, held) as Resource;
    expect(told(closed)).toEqual(['in keelson-refused-policies a router']);
    quarantine.accepted('s', cachedResource(closed));
    expect(inForce(quarantine, wanted, closed)).toBe(closed);
    // The next change finds it closed, and does not close it twice.
    const next = listener({ http: [rbac('c')], prefix: 'new' });
    quarantine.rejected('s', cachedResource(next), { ...by, held: cachedResource(closed) });
    const opened = inForce(quarantine, next, closed) as Resource;
    expect(told(opened)).toEqual(['in c router']);
    quarantine.rejected('s', cachedResource(opened), { ...by, held: cachedResource(closed) });
    expect(content(inForce(quarantine, next, closed) as Resource)).toBe(content(closed));
  });
});

describe('a refused module', () => {
  const module = (failure_policy: string): Resource => ({
    type: resourceTypes.extension,
    name: 'module',
    message: {
      name: 'module',
      typed_config: { ...type('extensions.filters.http.wasm.v3.Wasm'), config: { failure_policy } },
    },
  });
  const filter = (resource: Resource): unknown => (resource.message as { readonly typed_config: object }).typed_config;
  const [nobody, everybody] = [{ rules: { action: 'ALLOW', policies: {} } }, {}].map((rules) => ({
    ...type('extensions.filters.http.rbac.v3.RBAC'),
    ...rules,
  }));

  test.each([
    ['FAIL_CLOSED', nobody],
    ['FAIL_RELOAD', nobody],
    ['FAIL_OPEN', everybody],
  ])('of the policy %s leaves the one before, and does as it says where there was none', (policy, expected) => {
    expect(substitutes(module(policy), module('FAIL_OPEN'))).toEqual([]);
    const before = {
      ...module(''),
      message: { name: 'module', typed_config: expected === nobody ? everybody : nobody },
    };
    for (const good of [undefined, before as Resource])
      expect(substitutes(module(policy), good).map(({ resource }) => filter(resource))).toEqual([expected]);
  });
});
