// The daemon itself is asked about an object, over HTTPS with a certificate of its own authority.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Daemon } from '../../src/daemon/options.ts';
import { startDaemon } from '../../src/main.ts';

let directory: string;
let daemon: Daemon;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'keelson-webhook-'));
  const config = join(directory, 'config');
  await mkdir(config);
  await writeFile(join(config, 'none.yaml'), '');
  daemon = await startDaemon({
    config,
    state: join(directory, 'state'),
    xdsAddress: '127.0.0.1:0',
    webhookAddress: '127.0.0.1:0',
    log: { info: () => {}, warn: () => {}, error: () => {} },
    onProblems: () => {},
  });
});
afterAll(async () => {
  await daemon?.close();
  await rm(directory, { recursive: true });
});

interface Answer {
  readonly response: {
    readonly allowed: boolean;
    readonly warnings?: readonly string[];
    readonly status?: { readonly message: string };
  };
}

/** Which certificate it shows is the business of other tests. */
const ask = (http: readonly object[]): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const object = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'store', namespace: 'shop' },
      spec: { hosts: ['store.shop.svc.cluster.local'], http },
    };
    const kind = { group: 'networking.istio.io', version: 'v1', kind: 'VirtualService' };
    const body = { uid: '1', kind, operation: 'CREATE', namespace: 'shop', name: 'store', object };
    const options = { port: daemon.webhookPort, path: '/validate', method: 'POST', rejectUnauthorized: false };
    const sent = request({ ...options, headers: { 'content-type': 'application/json' } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      answer.on('end', () => resolve(JSON.parse(text) as Answer));
    });
    sent.on('error', reject);
    sent.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: body }));
  });

test('what is wrong is refused', async () => {
  const { response } = await ask([{}]);
  expect(response).toMatchObject({
    allowed: false,
    status: { message: expect.stringContaining('spec.http[0]') as string },
  });
});

test('what leads nowhere is accepted, and told', async () => {
  const { response } = await ask([{ delegate: { name: 'parts', namespace: 'shop' } }]);
  expect(response.allowed).toBe(true);
  expect(response.warnings?.join()).toMatch(/spec\.http\[0\].*parts/);
});
