// A stock Envoy that probes the workload beside it, as its WorkloadGroup says, and tells the control plane what it finds.
import type { Server } from 'node:http';

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { ReadinessProbe } from '../../../src/model/schema/index.ts';
import { HealthService } from '../../../src/xds/health/health-service.ts';
import { workloadProbe } from '../../../src/xds/health/workload-probe.ts';
import type { XdsServer } from '../../../src/xds/server.ts';
import { createXdsServer } from '../../../src/xds/server.ts';
import type { Envoy } from '../../support/mesh/envoy.ts';
import { startEnvoy } from '../../support/mesh/envoy.ts';
import { empty } from '../../xds/mesh.ts';

const web = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'press' };
const node = {
  id: 'sidecar~127.0.0.1~press-1.shop~shop.svc.cluster.local',
  cluster: 'press.shop',
  metadata: { NAMESPACE: 'shop' },
};
const patience = { timeout: 60_000, interval: 50 };

let server: XdsServer;
let envoy: Envoy;
let app: Server;
let answer = 200;
let probe: ReadinessProbe;
const asked: (string | undefined)[] = [];
const told: (string | undefined)[] = [];
const complaints: string[] = [];

const health = new HealthService({
  authenticate: async () => web,
  probe: () => workloadProbe(probe, '127.0.0.1'),
  onHealth: (_client, fault) => told.push(fault),
  log: { info: () => {}, warn: () => {}, error: (message) => complaints.push(message) },
});

beforeAll(async () => {
  app = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.host} ${String(request.headers['x-probe'])}`);
    response.writeHead(answer).end();
  }).listen(0, '127.0.0.1');
  await once(app, 'listening');
  const { port } = app.address() as AddressInfo;
  const httpHeaders = [{ name: 'x-probe', value: 'yes' }];
  probe = { periodSeconds: 1, failureThreshold: 1, httpGet: { port, path: '/ready', httpHeaders } };
  const log = { info: () => {}, warn: () => {}, error: (message: string) => complaints.push(message) };
  server = createXdsServer({ translate: () => empty, plaintext: true, log, services: [health] });
  const controlPlane = await server.listen('127.0.0.1:0');
  const http2 = {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  };
  const cluster = {
    name: 'control-plane',
    type: 'STATIC',
    load_assignment: {
      cluster_name: 'control-plane',
      endpoints: [
        {
          lb_endpoints: [
            { endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: controlPlane } } } },
          ],
        },
      ],
    },
    typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': http2 },
  };
  const hds = {
    api_type: 'GRPC',
    transport_api_version: 'V3',
    grpc_services: [{ envoy_grpc: { cluster_name: 'control-plane' } }],
  };
  envoy = await startEnvoy({ bootstrap: { node, static_resources: { clusters: [cluster] }, hds_config: hds } });
}, 120_000);
afterAll(async () => {
  await envoy?.stop();
  await server?.close();
  app?.closeAllConnections();
  app?.close();
});

test('tells when the workload is well, when it is not, and when it is again', async () => {
  await expect.poll(() => told.at(-1) === undefined && told.length > 0, patience).toBe(true);
  expect(asked[0]).toBe('/ready 127.0.0.1 yes');
  answer = 503;
  await expect.poll(() => told.at(-1), patience).toBe('its proxy finds it unhealthy');
  answer = 204;
  await expect.poll(() => told.at(-1), patience).toBeUndefined();
}, 180_000);

test('takes up another probe, and a connection is one', async () => {
  const { port } = app.address() as AddressInfo;
  probe = { periodSeconds: 1, failureThreshold: 1, tcpSocket: { port: 1 } };
  health.update();
  await expect.poll(() => told.at(-1), patience).toMatch(/unhealthy|timeout/);
  probe = { periodSeconds: 1, tcpSocket: { port } };
  health.update();
  await expect.poll(() => told.at(-1), patience).toBeUndefined();
  expect(complaints).toEqual([]);
}, 180_000);
