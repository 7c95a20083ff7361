// Hosts that ServiceEntries and ExternalName Services add to the mesh, and where a stock Envoy finds them.
// https://istio.io/latest/docs/reference/config/networking/service-entry/
import type { Lab } from '../../support/mesh/lab.ts';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { freePort } from '../../../scripts/ports.ts';
import { startHttp } from '../../support/servers/backend.ts';
import { http, namespace, startLab, yaml } from '../../support/mesh/lab.ts';
import { arrival, repeat, tally, whoOf } from '../../support/mesh/traffic.ts';

let lab: Lab;
const closing: (() => Promise<unknown>)[] = [];
const targetPort = 18090;
const hostOf = (last: number): string => lab.egress().host.replace(/\d+$/, String(last));

beforeAll(async () => {
  lab = await startLab({ workloads: ['store-v1'], sidecar: { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } } });
  closing.push(() => lab.stop());
  for (const last of [201, 202, 203])
    closing.push((await startHttp(`server-${last}`, { host: hostOf(last), port: targetPort })).close);
});
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
});

const entry = (spec: object): object => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'ServiceEntry',
  metadata: { name: 'outside', namespace },
  spec: {
    hosts: ['outside.example'],
    ports: [{ number: http.number, name: 'http', protocol: 'HTTP', targetPort }],
    location: 'MESH_EXTERNAL',
    ...spec,
  },
});
const write = (...objects: readonly object[]) => lab.mesh.change('entry.yaml', yaml(...objects));
const seen = async (count: number) => tally((await repeat(count, () => lab.call('outside.example'), 1)).map(whoOf));

const workloadEntry = (name: string, address: string, labels: object): object => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'WorkloadEntry',
  metadata: { name, namespace },
  spec: { address, labels },
});
const pod = (name: string, podIP: string, labels: object, ready: boolean): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels },
  spec: { containers: [{ name: 'app' }] },
  status: { podIP, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
});

test('before there is an entry the host is unknown', async () => {
  expect((await lab.call('outside.example')).status).toBe(502);
});

describe('STATIC', () => {
  test('requests go to the endpoints, and keep their host', async () => {
    await write(entry({ resolution: 'STATIC', endpoints: [201, 202].map((last) => ({ address: hostOf(last) })) }));
    const { 'server-201': first = 0, 'server-202': second = 0, ...others } = await seen(40);
    expect(others).toEqual({});
    expect(first + second).toBe(40);
    expect(Math.min(first, second)).toBeGreaterThan(0);
    expect(arrival(await lab.call('outside.example')).headers.host).toBe('outside.example');
  });

  test('by the weights of the endpoints', async () => {
    const endpoints = [201, 202].map((last, index) => ({ address: hostOf(last), weight: index === 0 ? 10 : 90 }));
    await write(entry({ resolution: 'STATIC', endpoints }));
    const { 'server-201': first = 0, 'server-202': second = 0 } = await seen(200);
    expect(first + second).toBe(200);
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(60);
  });
});

describe('DNS', () => {
  test('a name is looked up', async () => {
    const port = await freePort();
    closing.push((await startHttp('named', { host: '127.0.0.1', port })).close);
    await write(entry({ resolution: 'DNS', endpoints: [{ address: 'localhost', ports: { http: port } }] }));
    expect(await seen(4)).toEqual({ named: 4 });
  });
});

describe('workload selection', () => {
  const selecting = entry({
    location: 'MESH_INTERNAL',
    resolution: 'STATIC',
    workloadSelector: { labels: { app: 'ledger' } },
  });
  const ledger = { app: 'ledger' };

  test('finds WorkloadEntries and ready Pods by their labels', async () => {
    const workloads = [
      workloadEntry('machine', hostOf(201), ledger),
      workloadEntry('other', hostOf(203), { app: 'other' }),
      pod('ledger-1', hostOf(202), ledger, true),
    ];
    await write(selecting, ...workloads);
    expect(Object.keys(await seen(40)).toSorted()).toEqual(['server-201', 'server-202']);
  });

  test('a Pod that is not ready gets nothing', async () => {
    await write(selecting, workloadEntry('machine', hostOf(201), ledger), pod('ledger-1', hostOf(202), ledger, false));
    expect(await seen(20)).toEqual({ 'server-201': 20 });
  });

  test('a WorkloadEntry that appears is used', async () => {
    await write(selecting, workloadEntry('machine', hostOf(203), ledger));
    expect(await seen(10)).toEqual({ 'server-203': 10 });
  });
});

describe('ExternalName', () => {
  const alias = (externalName: string): object => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'depot', namespace },
    spec: { type: 'ExternalName', externalName, ports: [{ name: 'http', port: http.number }] },
  });

  test('is another name of a service of the mesh', async () => {
    expect((await lab.call('depot')).status).toBe(502);
    await write(alias(`store.${namespace}.svc.cluster.local`));
    expect(whoOf(await lab.call('depot'))).toBe('store-v1');
    expect(whoOf(await lab.call(`depot.${namespace}.svc.cluster.local`))).toBe('store-v1');
  });
});

test('nothing was refused', () => {
  expect(lab.mesh.daemon.rejections()).toEqual([]);
  expect(lab.mesh.complaints).toEqual([]);
});
