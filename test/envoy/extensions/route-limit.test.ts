// Limits at a gateway that is a stock Envoy: for the requests of one route, whichever API it was written in, for all of a Gateway,
// and with a service that counts.
import { afterAll, beforeAll, expect, it } from 'vitest';

import type { Question } from '../../../demo/quotas/quota-service.ts';
import { freePort } from '../../../scripts/ports.ts';
import type { EnvoyService } from '../../../scripts/envoy-service.ts';
import { startEnvoyService } from '../../../scripts/envoy-service.ts';
import type { Backend } from '../../support/servers/backend.ts';
import { startHttp } from '../../support/servers/backend.ts';
import { gateway, gatewayTemplate, loopbackNet, pod, server, service } from '../../support/mesh/gateway.ts';
import { yaml } from '../../support/mesh/lab.ts';
import type { LiveMesh } from '../../support/mesh/live-mesh.ts';
import { startLiveMesh } from '../../support/mesh/live-mesh.ts';
import { send } from '../../support/mesh/traffic.ts';

const net = loopbackNet();
const [quay, gate, web] = [`${net}.1`, `${net}.2`, `${net}.10`];
const plain = 18080;
const port = await freePort();
const counting = await freePort();
const api = 'gateway.networking.k8s.io';
const questions: Question[] = [];

const object = (apiVersion: string, kind: string, name: string, spec: object, labels: object = {}) => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'edge', labels },
  spec,
});
const backendRefs = [{ name: 'web', port: plain }];
const httpRoute = (name: string, hostname: string, paths: readonly string[]) =>
  object(`${api}/v1`, 'HTTPRoute', name, {
    parentRefs: [{ name: 'quay' }],
    hostnames: [hostname],
    rules: paths.map((value) => ({ matches: [{ path: { value } }], backendRefs })),
  });

const quayPod = {
  ...object('v1', 'Pod', 'quay-1', { serviceAccountName: 'quay', containers: [{ name: 'app', image: 'example/app' }] }),
  metadata: {
    name: 'quay-1',
    namespace: 'edge',
    labels: { app: 'quay', [`${api}/gateway-name`]: 'quay' },
    annotations: { 'inject.istio.io/templates': 'gateway' },
  },
  status: { podIP: quay, conditions: [{ type: 'Ready', status: 'True' }] },
};

const virtualService = object('networking.istio.io/v1', 'VirtualService', 'shop', {
  hosts: ['shop.test'],
  gateways: ['gate'],
  http: [{ route: [{ destination: { host: 'web' } }] }],
});

const quotas = object('networking.istio.io/v1', 'ServiceEntry', 'quotas', {
  hosts: ['quotas.example'],
  ports: [{ number: counting, name: 'grpc', protocol: 'GRPC' }],
  resolution: 'STATIC',
  endpoints: [{ address: '127.0.0.1' }],
});

const files = {
  'mesh.yaml':
    pod('gate', 'edge', gate, gatewayTemplate) +
    pod('web', 'edge', web) +
    service('web', `{name: http, port: ${plain}}`, 'edge') +
    service('quay', `{name: http, port: ${port}}`, 'edge') +
    gateway('gate', 'gate', [server(gate, 'http', 'HTTP', plain, '"*.test"')]) +
    '---\n' +
    yaml(
      quayPod,
      object(`${api}/v1`, 'Gateway', 'quay', {
        gatewayClassName: 'istio',
        addresses: [{ type: 'Hostname', value: 'quay.edge.svc.cluster.local' }],
        listeners: [{ name: 'web', port, protocol: 'HTTP' }],
      }),
      httpRoute('narrow', 'narrow.test', ['/', '/more']),
      httpRoute('wide', 'wide.test', ['/']),
      virtualService,
      { ...virtualService, metadata: { name: 'bank', namespace: 'edge' }, spec: { ...virtualService.spec, hosts: ['bank.test'] } },
      quotas,
    ), // prettier-ignore
};

let app: Backend;
let mesh: LiveMesh;
let counts: EnvoyService;

beforeAll(async () => {
  app = await startHttp('web', { host: web, port: plain });
  counts = await startEnvoyService(
    'envoy.service.ratelimit.v3.RateLimitService',
    (question: Question) => {
      questions.push(question);
      const over = questions.length > 1;
      return { overall_code: over ? 'OVER_LIMIT' : 'OK' };
    },
    counting,
  );
  mesh = await startLiveMesh({ files, proxies: ['quay-1.edge', 'gate-1.edge'] });
}, 120_000);

afterAll(async () => {
  await mesh?.stop();
  await app?.close();
  counts?.close();
});

async function limitTo(spec: object): Promise<void> {
  await mesh.change('limit.yaml', yaml(object('policy.keelson.io/v1alpha1', 'RateLimitPolicy', 'limit', spec)));
  expect(mesh.daemon.rejections().map(({ error }) => error)).toEqual([]);
}

const target = (kind: string, name: string, group = api) => ({ targetRefs: [{ group, kind, name }] });
const local = [{ requests: 2, interval: '1h' }];

async function statuses(at: string, host: string, count: number, path = '/'): Promise<readonly number[]> {
  const found: number[] = [];
  const address = at === quay ? { host: '127.0.0.1', port } : { host: at, port: plain };
  for (let i = 0; i < count; i++) found.push((await send(address, { path, headers: { host } })).status);
  return found;
}

it('limits the requests of an HTTPRoute, all its rules together, and no others', async () => {
  await limitTo({ ...target('HTTPRoute', 'narrow'), local });
  expect(await statuses(quay, 'wide.test', 4)).toEqual([200, 200, 200, 200]);
  expect(await statuses(quay, 'narrow.test', 1)).toEqual([200]);
  expect(await statuses(quay, 'narrow.test', 2, '/more')).toEqual([200, 429]);
  expect(await statuses(quay, 'narrow.test', 1)).toEqual([429]);
  expect(await statuses(quay, 'wide.test', 2)).toEqual([200, 200]);
});

it('limits the requests of a VirtualService, and no others', async () => {
  await limitTo({ ...target('VirtualService', 'shop', 'networking.istio.io'), local });
  expect(await statuses(gate, 'bank.test', 3)).toEqual([200, 200, 200]);
  expect(await statuses(gate, 'shop.test', 4)).toEqual([200, 200, 429, 429]);
});

it('limits all that comes in at a Gateway, and at no other', async () => {
  await limitTo({ ...target('Gateway', 'quay'), local });
  expect(await statuses(quay, 'wide.test', 1)).toEqual([200]);
  expect(await statuses(quay, 'narrow.test', 3)).toEqual([200, 429, 429]);
  expect(await statuses(gate, 'shop.test', 4)).toEqual([200, 200, 200, 200]);
});

it('asks a service that counts', async () => {
  const descriptors = [{ entries: [{ key: 'edge', value: 'quay' }, { path: true }] }];
  const global = { service: 'quotas.example', port: counting, domain: 'edge', timeout: '5s', descriptors };
  await limitTo({ ...target('Gateway', 'quay'), global });
  expect(await statuses(quay, 'wide.test', 2, '/a')).toEqual([200, 429]);
  expect(questions.at(0)?.descriptors?.at(0)?.entries).toMatchObject([{ value: 'quay' }, { key: 'path', value: '/a' }]);
});
