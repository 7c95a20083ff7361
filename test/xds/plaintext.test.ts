// The port without TLS: configuration for whoever asks, secrets for nobody, and nothing that a port with TLS has besides.
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { DebugSource } from '../../src/model/proxy/debug.ts';
import { resourceTypes } from '../../src/model/envoy/resource.ts';
import type { TlsSource } from '../../src/model/external/secret-source.ts';
import type { XdsServer } from '../../src/xds/server.ts';
import { createXdsServer } from '../../src/xds/server.ts';
import { DeltaClient, SotwClient } from './ads-client.ts';

const cluster = { type: resourceTypes.cluster, name: 'here', message: { name: 'here', connect_timeout: '1s' } };
const tls: TlsSource = { subscribe: () => () => {} };
const layers = { cluster: [], endpoint: [], listener: [], route: [], virtualHost: [], extension: [] };
const asked: string[] = [];
let server: XdsServer;
let port: number;

beforeAll(async () => {
  server = createXdsServer({
    translate: () => ({ ...layers, cluster: [{ scope: 'all', resources: new Map([['here', cluster]]) }] }),
    authenticate: () => Promise.reject(new Error('nobody is to be asked')),
    tls,
    secrets: { watch: (_, name) => void asked.push(name) },
    debug: { systemNamespaces: ['istio-system'] } as unknown as DebugSource,
    log: { info: () => {}, warn: () => {}, error: () => {} },
  });
  port = await server.listenPlaintext('127.0.0.1:0');
});
afterAll(() => server.close());

test('gives configuration, and says of every secret that there is none', async () => {
  const client = new DeltaClient(port);
  client.subscribe(resourceTypes.cluster);
  expect((await client.accept(resourceTypes.cluster)).resources?.map(({ name }) => name)).toEqual(['here']);
  client.subscribe(resourceTypes.secret, 'default');
  expect((await client.accept(resourceTypes.secret)).removedResources).toEqual(['default']);
  expect(asked).toEqual([]);
  client.close();
});

test('shows nothing of the control plane', async () => {
  const client = new SotwClient(port, { node: { id: 'istioctl', metadata: { GENERATOR: 'event' } } });
  client.want('istio.io/debug/syncz', []);
  expect((await client.ended).details).toContain('authenticated caller');
  client.close();
});
