// What the validation webhook answers, over HTTPS as the API server asks it.
import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Problem } from '../../src/model/problem.ts';
import type { TlsIdentity } from '../../src/model/external/secret-source.ts';
import type { AdmissionRequest } from '../../src/webhooks/admission-review.ts';
import type { WebhookServer } from '../../src/webhooks/server.ts';
import { createRoot, openAuthority } from '../../src/ca/authority.ts';
import { serverTemplate } from '../../src/ca/certificate/template.ts';
import { readReview, reviewOf } from '../../src/webhooks/admission-review.ts';
import { createWebhookServer } from '../../src/webhooks/server.ts';
import { alwaysReject, validationHandler } from '../../src/webhooks/validate.ts';

const group = 'networking.istio.io';
const route = { route: [{ destination: { host: 'store' } }] };
const virtualService = (spec: object, metadata: object = {}): object => ({
  apiVersion: `${group}/v1`,
  kind: 'VirtualService',
  metadata: { name: 'store', namespace: 'shop', ...metadata },
  spec,
});
const good = { hosts: ['store'], http: [route] };
const bad = { hosts: ['store'], http: [{}] };

const asked = (object: unknown, more: Partial<AdmissionRequest> = {}): AdmissionRequest => ({
  uid: '1',
  kind: { group, version: 'v1', kind: 'VirtualService' },
  operation: 'CREATE',
  name: 'store',
  namespace: 'shop',
  object,
  dryRun: false,
  username: 'ann',
  ...more,
});

describe('an object', () => {
  const validate = validationHandler();
  const answer = (object: unknown, more?: Partial<AdmissionRequest>) => validate(asked(object, more), '/validate');

  test('that is in order is allowed', async () => {
    expect(await answer(virtualService(good))).toEqual({ allowed: true, warnings: [] });
  });

  test('that is not is refused, with the field and the reason', async () => {
    const { allowed, message } = await answer(virtualService(bad));
    expect(allowed).toBe(false);
    expect(message).toBe('spec.http[0]: one of route, redirect and directResponse is required');
  });

  test('whose name is still to be made is judged like any other', async () => {
    const metadata = { name: undefined, namespace: undefined, generateName: 'store-' };
    expect(await answer(virtualService(good, metadata), { name: '' })).toMatchObject({ allowed: true });
    expect(await answer(virtualService(bad, metadata), { name: '' })).toMatchObject({ allowed: false });
  });

  test.each([
    ['is deleted', asked(undefined, { operation: 'DELETE', oldObject: virtualService(bad) })],
    ['is of a kind that nobody reads', asked({}, { kind: { group, version: 'v1', kind: 'Unheard' } })],
    ['has its status written', asked(virtualService(bad), { operation: 'UPDATE', subResource: 'status' })],
    [
      'is on its way out',
      asked(virtualService(bad, { deletionTimestamp: '2030-01-01T00:00:00Z' }), { operation: 'UPDATE' }),
    ],
  ])('that %s is let through', async (_what, question) => {
    expect(await validate(question, '/validate')).toEqual({ allowed: true });
  });

  test('that was stored with an error can be labelled, but not changed', async () => {
    const oldObject = virtualService(bad);
    const labelled = virtualService(bad, { labels: { team: 'books' } });
    const result = await answer(labelled, { operation: 'UPDATE', oldObject });
    expect(result.allowed).toBe(true);
    expect(result.warnings).toHaveLength(1);
    const changed = virtualService({ ...bad, hosts: ['other'] });
    expect(await answer(changed, { operation: 'UPDATE', oldObject })).toMatchObject({ allowed: false });
  });

  test('that is to be refused is refused', async () => {
    const object = virtualService(good, { annotations: { [alwaysReject]: '' } });
    expect(await answer(object)).toMatchObject({ allowed: false });
  });

  test('that nobody could mean is refused and takes no harm', async () => {
    const deep = Array.from({ length: 100_000 }).reduce<unknown>((inner) => [inner], []);
    for (const object of [null, 7, [], { metadata: 1 }, virtualService({ hosts: deep })])
      expect(await answer(object)).toMatchObject({ allowed: false });
  });
});

describe('what objects do to each other', () => {
  const source = { kind: 'VirtualService', namespace: 'shop', name: 'other' };
  const problem: Problem = { code: 'x', severity: 'error', message: 'hides this one', source };

  test('is a warning that names the other object', async () => {
    const validate = validationHandler({ crossObjectProblems: () => [problem] });
    expect(await validate(asked(virtualService(good)), '/validate')).toEqual({
      allowed: true,
      warnings: ['VirtualService shop/other: hides this one'],
    });
  });

  test('holds nobody up: neither when it takes too long nor when it fails', async () => {
    const faults: unknown[] = [];
    const never = validationHandler({ crossObjectProblems: () => new Promise(() => {}), patience: 1 });
    const failing = validationHandler({
      crossObjectProblems: () => {
        throw new Error('a bug');
      },
      onFault: (error) => faults.push(error),
    });
    for (const validate of [never, failing])
      expect(await validate(asked(virtualService(good)), '/validate')).toMatchObject({ allowed: true });
    expect(faults).toHaveLength(1);
  });
});

describe('a review', () => {
  const review = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: '1', operation: 'CREATE' },
  };

  test('has warnings that fit into what the API server passes on', () => {
    const question = readReview(review);
    if ('fault' in question) throw new Error(question.fault);
    const warnings = Array.from({ length: 100 }, (_, index) => `${index} ${'ü'.repeat(200)}`);
    const answer = reviewOf(question, { allowed: true, warnings }) as { response: { warnings: string[] } };
    const sizes = answer.response.warnings.map((line) => Buffer.byteLength(line));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(4096);
    expect(answer.response.warnings[0]).toMatch(/^0 ü+\.\.\.$/);
    expect(answer.response.warnings.at(-1)).toMatch(/^\d+ more warnings$/);
  });

  test('of another version, or without a question, is none', () => {
    for (const body of [undefined, {}, { ...review, apiVersion: 'admission.k8s.io/v9' }, { ...review, request: {} }])
      expect(readReview(body)).toHaveProperty('fault');
  });
});

describe('the server', () => {
  let server: WebhookServer;
  let port: number;
  let replace: (identity: TlsIdentity) => void = () => {};
  const faults: unknown[] = [];
  const identities: TlsIdentity[] = [];

  beforeAll(async () => {
    const authority = await openAuthority(await createRoot('cluster.local', Date.now(), 3_600_000));
    for (let count = 0; count < 2; count++) {
      const { certificate, privateKey } = await authority.issue(
        serverTemplate(['localhost'], [], Date.now(), 60_000 * (count + 1)),
      );
      identities.push({ certificateChain: certificate, privateKey, roots: authority.roots });
    }
    server = createWebhookServer({
      tls: {
        subscribe: (onChange) => {
          replace = onChange;
          onChange(identities[0] as TlsIdentity);
          return () => {};
        },
      },
      validate: validationHandler(),
      inject: () => Promise.reject(new Error('a bug')),
      onFault: (error) => faults.push(error),
    });
    port = await server.listen('127.0.0.1:0');
  });
  afterAll(() => server.close());

  interface Answer {
    readonly status: number;
    readonly text: string;
    readonly certificate: string;
  }

  const ask = (method: string, path: string, body?: unknown): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', connection: 'close' };
      const ca = identities[0]?.roots;
      const sent = request({ host: 'localhost', port, path, method, ca, headers, agent: false }, (response) => {
        const peer = (
          response.socket as unknown as { getPeerCertificate(): { fingerprint256: string } }
        ).getPeerCertificate();
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text, certificate: peer.fingerprint256 }));
      });
      sent.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
    });
  const review = (object: object, apiVersion = 'admission.k8s.io/v1'): object => ({
    apiVersion,
    kind: 'AdmissionReview',
    request: asked(object),
  });

  test.each(['admission.k8s.io/v1', 'admission.k8s.io/v1beta1'])('answers reviews of %s', async (apiVersion) => {
    const { status, text } = await ask('POST', '/validate', review(virtualService(bad), apiVersion));
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({
      apiVersion,
      response: { uid: '1', allowed: false, status: { code: 400 } },
    });
  });

  test('is ready, and refuses what is no review', async () => {
    expect((await ask('GET', '/ready')).status).toBe(200);
    expect((await ask('POST', '/validate', { hello: 'you' })).status).toBe(400);
    expect((await ask('POST', '/validate', 'x'.repeat(17 << 20)).catch(() => ({ status: 413 }))).status).toBe(413);
  });

  test('shows a new certificate without a restart', async () => {
    const before = (await ask('GET', '/ready')).certificate;
    replace(identities[1] as TlsIdentity);
    expect((await ask('GET', '/ready')).certificate).not.toBe(before);
  });

  test('answers a bug of ours as one and goes on', async () => {
    const { status, text } = await ask('POST', '/inject/cluster/c', review({}));
    expect([status, faults.length]).toEqual([200, 1]);
    expect(JSON.parse(text)).toMatchObject({ response: { allowed: false, status: { code: 500 } } });
  });
});
