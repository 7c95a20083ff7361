// What a Sidecar object lets its workload reach: the services in scope, an HTTP proxy for all of them, and where hosts that
// nobody knows go.
// https://istio.io/latest/docs/reference/config/networking/sidecar/
import type { Lab } from '../../support/mesh/lab.ts';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { freePort } from '../../../scripts/ports.ts';
import { http, namespace, startLab, yaml } from '../../support/mesh/lab.ts';
import { virtualService } from '../../support/objects/rules.ts';
import { arrival, send, whoOf } from '../../support/mesh/traffic.ts';

/** Of the names that the HTTP proxy knows only those of port 80 need no port. */
const onPort80 = (name: string, app: string): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace },
  spec: { selector: { app }, ports: [{ name: 'http', port: 80, targetPort: http.number }] },
});
const nameOf = (service: string): string => `${service}.${namespace}.svc.cluster.local`;

describe.each([
  ['REGISTRY_ONLY', { mode: 'REGISTRY_ONLY' }, '502'],
  [
    'an egress proxy',
    { mode: 'ALLOW_ANY', egressProxy: { host: nameOf('gate'), port: { number: http.number } } },
    'gate-v1',
  ],
])('with %s for hosts that nobody knows', (_name, outboundTrafficPolicy, unknown) => {
  let lab: Lab;
  let port: number;

  beforeAll(async () => {
    port = await freePort();
    // One listener, an HTTP proxy as browsers know it, for two of the services.
    const listener = {
      port: { number: port, protocol: 'HTTP_PROXY', name: 'proxy' },
      bind: '127.0.0.1',
      captureMode: 'NONE',
      hosts: [`./${nameOf('shop')}`, `./${nameOf('gate')}`],
    };
    lab = await startLab({
      workloads: ['store-v1', 'audit-v1', 'gate-v1'],
      files: { 'shop.yaml': yaml(onPort80('shop', 'store'), onPort80('office', 'audit')) },
      sidecar: { outboundTrafficPolicy, egress: [listener] },
    });
  });
  afterAll(() => lab?.stop());

  const ask = (host: string) =>
    send({ host: '127.0.0.1', port }, { path: `http://${host}/list?page=2`, headers: { host } });

  test('a service in scope is reached through the HTTP proxy', async () => {
    const seen = arrival(await ask('shop'));
    expect([seen.instance, seen.path, seen.headers.host]).toEqual(['store-v1', '/list?page=2', 'shop']);
  });

  test('one that is not in scope is a host that nobody knows', async () => {
    expect(whoOf(await ask('office'))).toBe(unknown);
    expect(whoOf(await ask('nobody.example'))).toBe(unknown);
  });

  test('rules apply', async () => {
    await lab.mesh.change(
      'rules.yaml',
      virtualService('shop', 'http: [{ headers: { request: { set: { x-mark: seen } } }, route: [{ destination: { host: gate, port: { number: 18080 } } }] }]'), // prettier-ignore
    );
    const seen = arrival(await ask('shop'));
    expect([seen.instance, seen.headers['x-mark']]).toEqual(['gate-v1', 'seen']);
  });

  test('nothing was refused', () => {
    expect(lab.mesh.daemon.rejections()).toEqual([]);
    expect(lab.mesh.complaints).toEqual([]);
  });
});

// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig
describe('settings of the mesh', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await startLab({ workloads: [{ name: 'store-v1', sidecar: true }] });
  });
  afterAll(() => lab?.stop());

  const mesh = (settings: string) =>
    lab.mesh.change(
      'mesh.yaml',
      `{ apiVersion: v1, kind: ConfigMap, metadata: { name: istio, namespace: istio-system }, data: { mesh: '${settings}' } }`,
    );
  const pathSeen = async (path: string) => {
    const answer = await send(lab.ingress('store-v1'), { path, headers: { host: 'store' } });
    return answer.status === 200 ? arrival(answer).path : answer.status;
  };

  test.each([
    ['NONE', '/a/../b//c%2fd', '/a/../b//c%2fd'],
    ['BASE', '/a/../b//c%2fd', '/b//c%2fd'],
    ['MERGE_SLASHES', '/a/../b//c%2fd', '/b/c%2fd'],
    ['DECODE_AND_MERGE_SLASHES', '/a/../b//c%2fd', '/b/c/d'],
  ])('paths are normalized as %s says', async (normalization, path, seen) => {
    await mesh(`{ "pathNormalization": { "normalization": "${normalization}" } }`);
    expect(await pathSeen(path)).toBe(seen);
  });

  test('a mesh of REGISTRY_ONLY knows no other host', async () => {
    await mesh('{ "outboundTrafficPolicy": { "mode": "REGISTRY_ONLY" } }');
    expect((await lab.call('nobody.example')).status).toBe(502);
    expect(whoOf(await lab.call('store'))).toBe('store-v1');
  });

  test('nothing was refused', () => {
    expect(lab.mesh.daemon.rejections()).toEqual([]);
    expect(lab.mesh.complaints).toEqual([]);
  });
});
