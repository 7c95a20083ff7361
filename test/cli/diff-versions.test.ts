// What an upgrade would change: the proxies of a running daemon as they describe themselves, with what this version makes of
// files for the very same. Files without a proxy's Pod are enough, and Pods that look otherwise change nothing.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { exit } from '../../src/cli/io.ts';
import { keelson } from '../../src/cli/keelson.ts';
import { directoryTokens, tokenAudience } from '../../src/daemon/authority/credentials.ts';
import type { Daemon } from '../../src/daemon/options.ts';
import { startDaemon } from '../../src/main.ts';
import { resourceTypes } from '../../src/model/envoy/resource.ts';
import { DeltaClient } from '../xds/ads-client.ts';

const mesh = (timeout: string): string => `
apiVersion: v1
kind: Service
metadata: { name: store, namespace: shop }
spec: { clusterIP: 10.1.0.1, selector: { app: store }, ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: web-1, namespace: shop, labels: { app: other, security.istio.io/tlsMode: istio } }
spec: { containers: [{ name: app }] }
status: { podIP: 10.2.0.1 }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: store, namespace: shop }
spec: { hosts: [store], http: [{ timeout: ${timeout}, route: [{ destination: { host: store } }] }] }
`;

let directory: string;
let daemon: Daemon;
const clients: DeltaClient[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'versions-'));
  const state = join(directory, 'state');
  for (const [folder, timeout] of [['same', '5s'] as const, ['other', '9s'] as const]) {
    await mkdir(join(directory, folder));
    await writeFile(join(directory, folder, 'mesh.yaml'), mesh(timeout));
  }
  daemon = await startDaemon({
    config: join(directory, 'same'),
    state,
    xdsAddress: '127.0.0.1:0',
    monitoringAddress: '127.0.0.1:0',
    log: { info: () => {}, warn: () => {}, error: () => {} },
    onProblems: () => {},
  });
  const root = await readFile(join(state, 'root.pem'), 'utf8');
  const roots = /-----BEGIN CERTIFICATE-----[^]*-----END CERTIFICATE-----/.exec(root)?.[0] ?? '';
  const tokens = await directoryTokens(state);
  for (const name of ['web-1', 'machine-1']) {
    const identity = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'default' };
    const token = tokens.issue(identity, 60_000, { audience: tokenAudience, now: Date.now() });
    const node = {
      id: `sidecar~10.2.0.1~${name}.shop~shop.svc.cluster.local`,
      metadata: { NAMESPACE: 'shop', LABELS: { app: 'web', version: 'v7' }, MESH_ID: 'mine' },
    };
    const client = new DeltaClient(daemon.port, { node, token, channel: credentials.createSsl(Buffer.from(roots)) });
    clients.push(client);
    client.subscribe(resourceTypes.cluster);
    client.ack(await client.nextOf(resourceTypes.cluster));
  }
});
afterAll(async () => {
  for (const client of clients) client.close();
  await daemon?.close();
  await rm(directory, { recursive: true, force: true });
});

async function diff(folder: string): Promise<{ readonly said: string; readonly code: number }> {
  const said: string[] = [];
  const io = { stdout: (text: string) => said.push(text), stderr: (text: string) => said.push(text) };
  const server = `http://127.0.0.1:${daemon.monitoringPort}`;
  const code = await keelson(['diff', '--server', server, '--config', join(directory, folder)], io);
  return { said: said.join(''), code };
}

test('nothing changes for the same objects, with or without their Pods', async () => {
  const { said, code } = await diff('same');
  expect(said.trim()).toBe('0 of 2 proxies change');
  expect(code).toBe(exit.fine);
});

test('what is made otherwise is told, with the object behind it', async () => {
  const { said, code } = await diff('other');
  expect(code).toBe(exit.bad);
  expect(said).toContain('2 of 2 proxies change');
  expect(said).toMatch(/timeout: "5s" -> "9s", because of VirtualService shop\/store/);
});
