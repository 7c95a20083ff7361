// The client's side of the API: who it says it is, what it believes of answers, and what it does when there are none.
import type { StubOptions, ApiStub } from '../support/kubernetes/api-stub.ts';
import type { ClientLimits, KubernetesClient } from '../../src/kubernetes/client.ts';

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { openKubernetesClient } from '../../src/kubernetes/client.ts';
import { collectionPath, objectPath } from '../../src/kubernetes/resource.ts';
import { startApiStub } from '../support/kubernetes/api-stub.ts';
import { inScratch } from '../support/mesh/openssl.ts';

const services = { group: '', version: 'v1', plural: 'services', namespaced: true };
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const close of open.splice(0).toReversed()) await close();
});

async function clientOf(
  options: StubOptions,
  limits: Partial<ClientLimits> = {},
): Promise<{ readonly stub: ApiStub; readonly client: KubernetesClient }> {
  const stub = await startApiStub(options);
  const client = await openKubernetesClient({ kubeconfig: stub.kubeconfig, limits });
  open.push(stub.stop, () => client.close());
  return { stub, client };
}

describe('who the client says it is', () => {
  it('a token from a file is read again when it has been replaced', async () => {
    const seen: (string | undefined)[] = [];
    const { stub, client } = await clientOf({
      user: { tokenFile: 'token' },
      answer: (request, response) => {
        seen.push(request.headers.authorization);
        response.end('{}');
      },
    });
    vi.useFakeTimers({ toFake: ['Date'] });
    await stub.write('token', 'first\n');
    await client.read('/version');
    await stub.write('token', 'second\n');
    vi.setSystemTime(Date.now() + 61_000);
    await client.read('/version');
    expect(seen).toEqual(['Bearer first', 'Bearer second']);
  });

  it('a certificate, also to a server that speaks HTTP/1.1 alone', async () => {
    const { key, cert } = selfSigned();
    const seen: unknown[] = [];
    const { client } = await clientOf({
      tls: { key, cert, requestCert: true, ca: cert },
      cluster: { 'certificate-authority-data': Buffer.from(cert).toString('base64') },
      user: {
        'client-certificate-data': Buffer.from(cert).toString('base64'),
        'client-key-data': Buffer.from(key).toString('base64'),
      },
      answer: (request, response) => {
        seen.push(request.httpVersion, (request.socket as { authorized?: boolean }).authorized);
        response.end('{}');
      },
    });
    await client.read('/version');
    expect(seen).toEqual(['1.1', true]);
  });

  it('nothing, to a server whose certificate is not of the authority that it knows', async () => {
    const { key, cert } = selfSigned();
    const { client } = await clientOf({ tls: { key, cert }, answer: (_, response) => response.end('{}') });
    await expect(client.read('/version')).rejects.toMatchObject({ status: 0, reason: 'Unreachable' });
  });
});

describe('answers', () => {
  it('a refusal is told as the server puts it', async () => {
    const { client } = await clientOf({
      answer: (_, response) => {
        response.writeHead(429, { 'retry-after': '7' });
        response.end(JSON.stringify({ kind: 'Status', reason: 'TooManyRequests', message: 'slow down' }));
      },
    });
    const refusal = { status: 429, reason: 'TooManyRequests', message: 'slow down', retryAfterSeconds: 7 };
    await expect(client.read('/version')).rejects.toMatchObject(refusal);
  });

  it('one that does not come is given up', async () => {
    const { client } = await clientOf({ answer: () => {} }, { answerMs: 100 });
    await expect(client.read('/version')).rejects.toMatchObject({ status: 0, reason: 'Timeout' });
  });

  it('one that begins and does not end is given up', async () => {
    const { client } = await clientOf({ answer: (_, response) => response.write('{') }, { answerMs: 300 });
    await expect(client.read('/version')).rejects.toMatchObject({ status: 0, reason: 'Timeout' });
  });

  it('one that is too large is not read to its end', async () => {
    let written = 0;
    const { client } = await clientOf(
      {
        answer: (_, response) => {
          const more = (): void => {
            while (response.write(Buffer.alloc(65_536, ' '))) written += 65_536;
          };
          response.on('drain', more);
          more();
        },
      },
      { answerBytes: 1 << 20 },
    );
    await expect(client.read('/version')).rejects.toMatchObject({ reason: 'TooLarge' });
    expect(written).toBeLessThan(64 << 20);
  });

  it('one that makes no sense is no list and no event', async () => {
    for (const body of ['<html>', '[]', 'null', '{"items":[1]}', '{"metadata":{},"items":[{"metadata":null}]}']) {
      const { client } = await clientOf({ answer: (_, response) => response.end(`${body}\n`) });
      await expect(client.list(services)).rejects.toMatchObject({ reason: 'Unreadable' });
      const watch = async (): Promise<void> => {
        for await (const _ of client.watch(services, { timeoutSeconds: 1 }));
      };
      await expect(watch()).rejects.toMatchObject({ reason: 'Unreadable' });
    }
  });
});

describe('paths', () => {
  it('lead to the collection, the object, the subresource, and nowhere else', () => {
    const gateways = { group: 'networking.istio.io', version: 'v1', plural: 'gateways', namespaced: true };
    expect(collectionPath(services)).toBe('/api/v1/services');
    expect(collectionPath(gateways, 'shop')).toBe('/apis/networking.istio.io/v1/namespaces/shop/gateways');
    expect(objectPath(services, { namespace: 'shop', name: 'store' }, 'status')).toBe(
      '/api/v1/namespaces/shop/services/store/status',
    );
    expect(objectPath(services, { namespace: 'shop', name: '../secrets/x?a=b' })).toBe(
      '/api/v1/namespaces/shop/services/..%2Fsecrets%2Fx%3Fa%3Db',
    );
    expect(() => objectPath(services, { namespace: 'shop', name: '..' })).toThrow('without a name');
    expect(() => objectPath(services, { name: 'store' })).toThrow('without a namespace');
  });
});

/** For 127.0.0.1, good for both ends. */
function selfSigned() {
  return inScratch((directory) => {
    const [keyFile, certFile] = [join(directory, 'key'), join(directory, 'cert')];
    const subject = ['-subj', '/CN=stub', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '1'];
    const made = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      keyFile,
      '-out',
      certFile,
    ];
    execFileSync('openssl', ['req', '-x509', ...made, ...subject], { stdio: 'pipe' });
    return { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };
  });
}
