import { describe, expect, test } from 'vitest';

import type { HTTPRoute, VirtualServiceSpec } from '../../../src/model/schema/index.ts';
import {
  destinationHosts, resolveVirtualServices, usesSourceLabels, usesSourceNamespace, type VirtualServiceObject,
} from '../../../src/translate/resolve/routing/virtual-service.ts'; // prettier-ignore
import { makeSettings, makeVirtualService, makeVirtualServiceObject } from '../../support/objects/make.ts';

const settings = makeSettings();
const resolve = (...objects: readonly VirtualServiceObject[]) => {
  const virtualServices = resolveVirtualServices(objects, settings);
  return { virtualServices, problems: virtualServices.flatMap((one) => one.problems) };
};

describe('names', () => {
  test('short ones are looked up in the namespace of the object', () => {
    const vs = makeVirtualService({
      hosts: ['oven', '*.example.com', 'mill.farm.svc.cluster.local'],
      gateways: ['mesh', 'front', 'edge/front', './back', 'old.edge.svc.cluster.local'],
      http: [
        {
          match: [{ gateways: ['front', 'mesh'] }],
          route: [{ destination: { host: 'shop' } }],
          mirror: { host: 'copy' },
          mirrors: [{ destination: { host: 'other' } }],
        },
      ],
      tls: [{ match: [{ sniHosts: ['x.example'], gateways: ['front'] }], route: [{ destination: { host: 'tls' } }] }],
      tcp: [{ route: [{ destination: { host: 'tcp' } }] }],
    });
    expect(vs.hosts).toEqual(['oven.bakery.svc.cluster.local', '*.example.com', 'mill.farm.svc.cluster.local']);
    expect(vs.gateways).toEqual(['mesh', 'bakery/front', 'edge/front', 'bakery/back', 'edge/old']);
    expect(vs.http[0]?.route.match).toEqual([{ gateways: ['bakery/front', 'mesh'] }]);
    expect(vs.tls[0]?.route.match[0]?.gateways).toEqual(['bakery/front']);
    expect(vs.tls[0]?.source.path).toBe('spec.tls[0]');
    expect(destinationHosts(vs)).toEqual(
      ['copy', 'other', 'shop', 'tcp', 'tls'].map((name) => `${name}.bakery.svc.cluster.local`),
    );
  });

  test('without gateways it is for sidecars', () => {
    expect(makeVirtualService({ hosts: ['oven'] }).gateways).toEqual(['mesh']);
    expect(makeVirtualService({ hosts: ['oven'], gateways: [] }).gateways).toEqual(['mesh']);
  });

  test('what is asked about callers', () => {
    const route = [{ destination: { host: 'shop' } }];
    const labels = makeVirtualService({ hosts: ['a'], tcp: [{ match: [{ sourceLabels: { app: 'x' } }], route }] });
    const namespace = makeVirtualService({
      hosts: ['a'],
      http: [{ match: [{ sourceNamespace: 'x', sourceLabels: {} }], route }],
    });
    expect([usesSourceLabels(labels), usesSourceNamespace(labels)]).toEqual([true, false]);
    expect([usesSourceLabels(namespace), usesSourceNamespace(namespace)]).toEqual([false, true]);
  });
});

describe('order and identity', () => {
  const young = makeVirtualServiceObject({ hosts: ['a'] }, { name: 'a', created: '2025-03-01T00:00:00Z' });
  const old = makeVirtualServiceObject({ hosts: ['a'] }, { name: 'c', created: '2025-02-01T00:00:00Z' });
  const same = makeVirtualServiceObject({ hosts: ['a'] }, { name: 'b', created: '2025-02-01T00:00:00Z' });

  test('the oldest first, whatever the order of the input', () => {
    const names = (...objects: VirtualServiceObject[]) => resolve(...objects).virtualServices.map((vs) => vs.name);
    expect(names(young, old, same)).toEqual(['b', 'c', 'a']);
    expect(names(same, young, old)).toEqual(['b', 'c', 'a']);
  });

  test('what did not change stays the same object, also under other settings that do not matter', () => {
    const before = resolve(young, old).virtualServices;
    expect(resolve(young, old).virtualServices).toBe(before);
    const after = resolveVirtualServices([young, { ...old }], makeSettings({ connectTimeout: '3s' }));
    expect(after[1]).toBe(before[1]);
    expect(after[0]).not.toBe(before[0]);
  });
});

describe('delegates', () => {
  const to = (host: string): HTTPRoute => ({ route: [{ destination: { host } }] });
  const root = (route: HTTPRoute, delegate = { name: 'part', namespace: 'farm' }) =>
    makeVirtualServiceObject({ hosts: ['oven'], http: [{ ...route, delegate }] }, { name: 'root' });
  const part = (http: readonly HTTPRoute[], more: VirtualServiceSpec = {}) =>
    makeVirtualServiceObject({ http, ...more }, { name: 'part', namespace: 'farm' });
  const joined = (rootRoute: HTTPRoute, ...own: readonly HTTPRoute[]) => {
    const { virtualServices, problems } = resolve(root(rootRoute), part(own));
    return { http: virtualServices[0]?.http ?? [], problems, count: virtualServices.length };
  };
  const prefix = (value: string) => ({ uri: { prefix: value } });

  test('join their root, look names up in their own namespace and are not listed', () => {
    const { http, count, problems } = joined({ name: 'r', match: [prefix('/a')] }, { name: 'd', ...to('mill') });
    expect([count, problems]).toEqual([1, []]);
    expect(http).toEqual([
      {
        source: { kind: 'VirtualService', namespace: 'farm', name: 'part', path: 'spec.http[0]' },
        root: { kind: 'VirtualService', namespace: 'bakery', name: 'root', path: 'spec.http[0]' },
        route: {
          name: 'r-d',
          match: [prefix('/a')],
          route: [{ destination: { host: 'mill.farm.svc.cluster.local' } }],
        },
      },
    ]);
  });

  test.each([
    { why: 'a longer prefix', root: prefix('/a'), own: prefix('/a/b'), fits: true },
    { why: 'a path below', root: prefix('/a'), own: { uri: { exact: '/a/x' } }, fits: true },
    { why: 'another prefix', root: prefix('/a'), own: prefix('/b'), fits: false },
    { why: 'a shorter prefix', root: prefix('/a/b'), own: prefix('/a'), fits: false },
    { why: 'the same path', root: { uri: { exact: '/a' } }, own: { uri: { exact: '/a' } }, fits: true },
    { why: 'a prefix under a path', root: { uri: { exact: '/a' } }, own: prefix('/a'), fits: false },
    { why: 'anything under a regex', root: { uri: { regex: '/a.*' } }, own: prefix('/a'), fits: false },
    { why: 'a regex', root: prefix('/a'), own: { uri: { regex: '/a.*' } }, fits: false },
    { why: 'nothing about the path', root: { uri: { regex: '/a.*' } }, own: { method: { exact: 'GET' } }, fits: true },
    { why: 'another case', root: { ...prefix('/a'), ignoreUriCase: true }, own: prefix('/a'), fits: false },
    { why: 'another port', root: { port: 80 }, own: { port: 81 }, fits: false },
    {
      why: 'another header value',
      root: { headers: { x: { exact: '1' } } },
      own: { headers: { x: { exact: '2' } } },
      fits: false,
    },
    { why: 'another label', root: { sourceLabels: { a: 'b' } }, own: { sourceLabels: { a: 'c' } }, fits: false },
    { why: 'another namespace', root: { sourceNamespace: 'a' }, own: { sourceNamespace: 'b' }, fits: false },
    { why: 'another gateway', root: { gateways: ['mesh'] }, own: { gateways: ['edge/front'] }, fits: false },
  ])('$why fits: $fits', ({ root: wide, own, fits }) => {
    const { http, problems } = joined({ match: [wide] }, { match: [own], ...to('mill') });
    expect(http).toHaveLength(fits ? 1 : 0);
    expect(problems.map((problem) => problem.code)).toEqual(fits ? [] : ['delegate-conflict']);
  });

  test('one match for each pair that fits; a match that fits none takes the whole route away', () => {
    const roots = { match: [{ name: 'x', ...prefix('/a') }, { headers: { h: { exact: '1' } } }] };
    const own = { name: 'y', ...prefix('/a/b'), headers: { g: { exact: '2' } }, queryParams: { q: {} } };
    const { http, problems } = joined(roots, { match: [own], ...to('mill') });
    expect(problems).toEqual([]);
    expect(http[0]?.route.match).toEqual([
      { ...own, name: 'x-y' },
      { ...own, headers: { h: { exact: '1' }, g: { exact: '2' } } },
    ]);
    expect(joined({ match: [prefix('/a')] }, { match: [prefix('/a/b'), prefix('/c')], ...to('mill') }).http).toEqual(
      [],
    );
  });

  test('take from the root what they leave open, each setting as a whole', () => {
    const settingsOfRoot = { timeout: '1s', retries: { attempts: 2 }, headers: { request: { set: { a: 'b' } } } };
    const own = { timeout: '2s', headers: { response: { remove: ['x'] } }, ...to('mill') };
    const { http } = joined(settingsOfRoot, own);
    expect(http[0]?.route).toMatchObject({ timeout: '2s', retries: { attempts: 2 } });
    expect(http[0]?.route.headers).toEqual(own.headers);
  });

  test.each([
    { why: 'missing', objects: [], code: 'unknown-delegate' },
    { why: 'with hosts of its own', objects: [part([to('mill')], { hosts: ['x'] })], code: 'unknown-delegate' },
    {
      why: 'not exported to the root’s namespace',
      objects: [part([to('mill')], { exportTo: ['.'] })],
      code: 'unknown-delegate',
    },
    { why: 'delegating again', objects: [part([{ delegate: { name: 'more' } }])], code: 'delegate-conflict' },
  ])('$why: the route is left out and the user is told', ({ objects, code }) => {
    const { virtualServices, problems } = resolve(root({}), ...objects);
    expect(virtualServices.find((vs) => vs.name === 'root')?.http).toEqual([]);
    expect(problems).toMatchObject([{ code, severity: 'warning' }]);
  });

  test('a changed delegate changes its root and nothing else', () => {
    const bystander = makeVirtualServiceObject({ hosts: ['shop'] }, { name: 'z' });
    const main = root({});
    const before = resolve(main, part([to('mill')]), bystander).virtualServices;
    const after = resolve(main, part([to('barn')]), bystander).virtualServices;
    expect(after[1]).toBe(before[1]);
    expect(after[0]).not.toBe(before[0]);
  });
});
