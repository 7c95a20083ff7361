// Which host a request is for: the names of a service, wildcards, and hosts that nobody knows, seen in the traffic of a
// stock Envoy.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#VirtualService
import type { Lab } from '../../support/mesh/lab.ts';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startLab } from '../../support/mesh/lab.ts';
import { versions, virtualService } from '../../support/objects/rules.ts';
import { whoOf } from '../../support/mesh/traffic.ts';

let lab: Lab;

beforeAll(async () => {
  lab = await startLab({
    workloads: ['store-v1', 'store-v2', 'audit-v1'],
    files: { 'subsets.yaml': versions('store') },
    sidecar: { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } },
  });
});
afterAll(() => lab?.stop());

const markets = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: markets, namespace: lab }
spec:
  hosts: ['*.market.example', '*.fish.market.example', eel.fish.market.example]
  ports: [{ number: 18080, name: http, protocol: HTTP }]
  resolution: NONE
`;

const answering = (name: string, host: string): string =>
  virtualService(name, `http: [{ directResponse: { status: 200, body: { string: '${name}' } } }]`, `['${host}']`);

describe('the names of a service', () => {
  test.each(['audit', 'audit.lab', 'audit.lab.svc', 'audit.lab.svc.cluster.local', 'audit:18080', 'AUDIT.lab'])(
    '%s',
    async (host) => {
      expect(whoOf(await lab.call(host))).toBe('audit-v1');
    },
  );
});

describe('wildcards', () => {
  test('the most specific host has the request', async () => {
    const rules = [
      markets,
      answering('any', '*.market.example'),
      answering('fish', '*.fish.market.example'),
      answering('eel', 'eel.fish.market.example'),
    ];
    await lab.mesh.change('markets.yaml', rules.join('---'));
    const body = async (host: string) => (await lab.call(host)).body;
    expect(await body('fruit.market.example')).toBe('any');
    expect(await body('a.b.market.example')).toBe('any');
    expect(await body('cod.fish.market.example')).toBe('fish');
    expect(await body('eel.fish.market.example')).toBe('eel');
    expect((await lab.call('market.example')).status).toBe(502);
  });
});

describe('several services', () => {
  test('a VirtualService for two hosts is for both and for no other', async () => {
    const rule = `http: [{ route: [{ destination: { host: store, subset: v2 } }] }]`;
    await lab.mesh.change('both.yaml', virtualService('both', rule, '[store, audit]'));
    expect(whoOf(await lab.call('store'))).toBe('store-v2');
    expect(whoOf(await lab.call('audit'))).toBe('store-v2');
    await lab.mesh.change('both.yaml', undefined);
    expect(whoOf(await lab.call('audit'))).toBe('audit-v1');
  });
});

test('an unknown host is 502 where only the registry may be called', async () => {
  expect((await lab.call('nobody.example')).status).toBe(502);
});

test('nothing was refused', () => {
  expect(lab.mesh.daemon.rejections()).toEqual([]);
  expect(lab.mesh.complaints).toEqual([]);
});
