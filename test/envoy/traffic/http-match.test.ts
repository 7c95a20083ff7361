// Which requests a rule of a VirtualService takes, seen in the traffic of a stock Envoy.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPMatchRequest
import type { Lab, Port } from '../../support/mesh/lab.ts';
import type { Call } from '../../support/mesh/traffic.ts';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { http, startLab } from '../../support/mesh/lab.ts';
import { whoOf } from '../../support/mesh/traffic.ts';

let lab: Lab;
const second: Port = { number: 18081, name: 'http-second', app: 'http' };

/** What matches goes to v2, everything else to v1. */
const rules = (match: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: store, namespace: lab }
spec:
  hosts: [store]
  gateways: [mesh, lab/front-door]
  http:
    - match: ${match}
      route: [{ destination: { host: store, subset: v2 } }]
    - route: [{ destination: { host: store, subset: v1 } }]
`;

const subsets = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: store, namespace: lab }
spec:
  host: store
  subsets:
    - { name: v1, labels: { version: v1 } }
    - { name: v2, labels: { version: v2 } }
`;

beforeAll(async () => {
  lab = await startLab({
    workloads: ['store-v1', 'store-v2'],
    ports: [http, second],
    files: { 'subsets.yaml': subsets },
  });
});
afterAll(() => lab?.stop());

const at = (path: string): Call => ({ path });
const having = (headers: Readonly<Record<string, string>>): Call => ({ headers });

interface Case {
  readonly rule: string;
  readonly match: string;
  readonly taken: readonly Call[];
  readonly left: readonly Call[];
}

const cases: readonly Case[] = [
  {
    rule: 'uri exact is the whole path, without the query',
    match: '[{ uri: { exact: /shop } }]',
    taken: [at('/shop'), at('/shop?page=2')],
    left: [at('/shop/'), at('/Shop'), at('/')],
  },
  {
    rule: 'uri prefix is the beginning of the path',
    match: '[{ uri: { prefix: /shop } }]',
    taken: [at('/shop'), at('/shop/7'), at('/shopping')],
    left: [at('/a/shop'), at('/SHOP')],
  },
  {
    rule: 'uri regex has to match the whole path',
    match: "[{ uri: { regex: '/shop/[0-9]+' } }]",
    taken: [at('/shop/7'), at('/shop/77?x')],
    left: [at('/shop/'), at('/shop/7/8'), at('/a/shop/7')],
  },
  {
    rule: 'ignoreUriCase',
    match: '[{ uri: { prefix: /shop }, ignoreUriCase: true }]',
    taken: [at('/shop'), at('/SHOP/7')],
    left: [at('/a/shop')],
  },
  {
    rule: 'method',
    match: '[{ method: { exact: PUT } }]',
    taken: [{ method: 'PUT' }],
    left: [{ method: 'GET' }, { method: 'POST' }],
  },
  {
    rule: 'scheme',
    match: '[{ scheme: { exact: https } }]',
    taken: [],
    left: [at('/')],
  },
  {
    rule: 'authority, as the caller wrote it',
    match: "[{ authority: { regex: 'store\\.lab(:[0-9]+)?' } }]",
    taken: [having({ host: 'store.lab' }), having({ host: 'store.lab:18080' })],
    left: [having({ host: 'store' }), having({ host: 'store.lab.svc.cluster.local' })],
  },
  {
    rule: 'a header exact',
    match: '[{ headers: { x-user: { exact: jane } } }]',
    taken: [having({ 'x-user': 'jane' })],
    left: [having({ 'x-user': 'janet' }), having({})],
  },
  {
    rule: 'a header prefix',
    match: '[{ headers: { x-user: { prefix: ja } } }]',
    taken: [having({ 'x-user': 'jane' })],
    left: [having({ 'x-user': 'tarja' }), having({})],
  },
  {
    rule: 'a header regex has to match the whole value',
    match: "[{ headers: { x-user: { regex: 'j.n' } } }]",
    taken: [having({ 'x-user': 'jan' })],
    left: [having({ 'x-user': 'jane' }), having({})],
  },
  {
    rule: 'a header that is present, whatever its value',
    match: '[{ headers: { x-user: {} } }]',
    taken: [having({ 'x-user': 'anybody' })],
    left: [having({})],
  },
  {
    rule: 'withoutHeaders: a value that must not be, or a header that must be absent',
    match: '[{ withoutHeaders: { x-user: { exact: jane }, x-debug: {} } }]',
    taken: [having({}), having({ 'x-user': 'john' })],
    left: [having({ 'x-user': 'jane' }), having({ 'x-debug': '1' })],
  },
  {
    rule: 'queryParams exact, prefix and regex',
    match: "[{ queryParams: { a: { exact: '1' }, b: { prefix: x }, c: { regex: '[0-9]+' } } }]",
    taken: [at('/?a=1&b=xy&c=42')],
    left: [at('/?a=2&b=xy&c=42'), at('/?a=1&b=y&c=42'), at('/?a=1&b=xy&c=4b'), at('/?a=1')],
  },
  {
    rule: 'all conditions of one block have to hold',
    match: '[{ uri: { prefix: /shop }, method: { exact: PUT }, headers: { x-user: { exact: jane } } }]',
    taken: [{ path: '/shop', method: 'PUT', headers: { 'x-user': 'jane' } }],
    left: [
      { path: '/shop', method: 'PUT' },
      { path: '/', method: 'PUT', headers: { 'x-user': 'jane' } },
    ],
  },
  {
    rule: 'one of several blocks is enough',
    match: '[{ uri: { exact: /a } }, { uri: { exact: /b } }, { headers: { x-user: { exact: jane } } }]',
    taken: [at('/a'), at('/b'), having({ 'x-user': 'jane' })],
    left: [at('/c')],
  },
  {
    rule: 'sourceLabels of the caller',
    match: '[{ sourceLabels: { app: caller } }]',
    taken: [at('/')],
    left: [],
  },
  {
    rule: 'sourceLabels of somebody else',
    match: '[{ sourceLabels: { app: visitor } }]',
    taken: [],
    left: [at('/')],
  },
  {
    rule: 'a block for a gateway is not for sidecars',
    match: '[{ uri: { prefix: /shop }, gateways: [lab/front-door] }]',
    taken: [],
    left: [at('/shop')],
  },
  {
    rule: 'a block for sidecars too is',
    match: '[{ uri: { prefix: /shop }, gateways: [mesh, lab/front-door] }]',
    taken: [at('/shop')],
    left: [at('/')],
  },
];

describe('a rule takes by', () => {
  test.each(cases.map((each) => [each.rule, each] as const))('%s', async (_rule, { match, taken, left }) => {
    await lab.mesh.change('store.yaml', rules(match));
    for (const call of taken) expect(whoOf(await lab.call('store', call)), JSON.stringify(call)).toBe('store-v2');
    for (const call of left) expect(whoOf(await lab.call('store', call)), JSON.stringify(call)).toBe('store-v1');
  });

  test('the port that was asked for', async () => {
    await lab.mesh.change('store.yaml', rules('[{ port: 18081 }]'));
    expect(whoOf(await lab.call('store', {}, http))).toBe('store-v1');
    expect(whoOf(await lab.call('store', {}, second))).toBe('store-v2');
  });
});

test('scheme http takes what is not encrypted', async () => {
  await lab.mesh.change('store.yaml', rules('[{ scheme: { exact: http } }]'));
  expect(whoOf(await lab.call('store'))).toBe('store-v2');
});

test('of several rules that match the first takes the request', async () => {
  const [first, third] = ['[{ uri: { prefix: / } }]', '[{ uri: { prefix: /shop } }]'];
  await lab.mesh.change('store.yaml', rules(first));
  expect(whoOf(await lab.call('store', at('/shop')))).toBe('store-v2');
  const swapped = rules(third).replace('http:\n', "http:\n    - route: [{ destination: { host: store, subset: v1 } }]\n      match: [{ uri: { prefix: /shop/closed } }]\n"); // prettier-ignore
  await lab.mesh.change('store.yaml', swapped);
  expect(whoOf(await lab.call('store', at('/shop/closed')))).toBe('store-v1');
  expect(whoOf(await lab.call('store', at('/shop/open')))).toBe('store-v2');
});

test('nothing was refused', () => {
  expect(lab.mesh.daemon.rejections()).toEqual([]);
  expect(lab.mesh.complaints).toEqual([]);
});
