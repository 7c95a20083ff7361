// Key sets are fetched from real servers on loopback, which only tests allow; time does not pass by itself.
import type { IncomingMessage, ServerResponse } from 'node:http';

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, test } from 'vitest';

import { fetchKeys } from '../../src/watchers/jwks/jwks-fetch.ts';
import { KeyWatcher } from '../../src/watchers/jwks/jwks.ts';
import { isFetchable } from '../../src/watchers/fetch/public-address.ts';
import { usableKeySet } from '../../src/watchers/jwks/public-key.ts';
import { snapshotOf } from '../support/objects/snapshot.ts';

const keySet = (kid: string): string => JSON.stringify({ keys: [{ kty: 'RSA', kid, e: 'AQAB', n: 'AQ' }] });

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** Its address, and how many requests it has had. */
async function serve(answer: Answer): Promise<{ readonly url: string; requests: number }> {
  const served = { url: '', requests: 0 };
  const server = createServer((request, response) => {
    served.requests++;
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(() => {
    server.closeAllConnections();
    server.close();
  });
  served.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return served;
}

const text =
  (body: string): Answer =>
  (_, response) =>
    response.end(body);

const anywhere = { isAllowed: () => true };
const never = new AbortController().signal;
const fetched = (uri: string, more: object = {}) => fetchKeys({ uri, discovery: false, ...more }, anywhere, never);

describe('one fetch', () => {
  it('has the text as it was sent', async () => {
    const { url } = await serve(text(` ${keySet('a')}`));
    expect(await fetched(`${url}/keys?x=1`)).toBe(` ${keySet('a')}`);
  });

  it('follows the discovery document of an issuer', async () => {
    const server = await serve((request, response) => {
      const discovery = JSON.stringify({ jwks_uri: `${server.url}/keys` });
      response.end(request.url === '/keys' ? keySet('found') : discovery);
    });
    const uri = `${server.url}/.well-known/openid-configuration`;
    expect(await fetchKeys({ uri, discovery: true }, anywhere, never)).toBe(keySet('found'));
  });

  test.each<[string, Answer, RegExp]>([
    ['no key set', text('{"keys": [1]}'), /no JSON Web Key Set/],
    ['no JSON', text('<html>'), /no JSON Web Key Set/],
    ['an error', (_, response) => response.writeHead(503).end(), /answered 503/],
    ['more than a mebibyte', text('x'.repeat(1024 * 1024 + 1)), /more than 1048576 bytes/],
    [
      'a circle of redirects',
      (_, response) => response.writeHead(302, { location: '/again' }).end(),
      /redirects more than 3 times/,
    ],
    [
      'a redirect to another scheme',
      (_, response) => response.writeHead(302, { location: 'https://x.example/' }).end(),
      /another scheme/,
    ],
    ['silence', () => {}, /in time/],
  ])('fails on %s', async (_, answer, message) => {
    const { url } = await serve(answer);
    await expect(fetched(`${url}/`, { timeout: '200ms' })).rejects.toThrow(message);
  });

  it('goes where a redirect leads', async () => {
    const { url } = await serve((request, response) =>
      request.url === '/b' ? response.end(keySet('b')) : response.writeHead(307, { location: '/b' }).end(),
    );
    expect(await fetched(`${url}/a`)).toBe(keySet('b'));
  });

  it('does not connect to local addresses, written or looked up', async () => {
    const server = await serve(text(keySet('secret')));
    const port = new URL(server.url).port;
    for (const host of ['127.0.0.1', 'keys.example', '[::ffff:127.0.0.1]'])
      await expect(
        fetchKeys(
          { uri: `http://${host}:${port}/`, discovery: false },
          { resolve: async () => ['127.0.0.1', '::1'] },
          never,
        ),
      ).rejects.toThrow(/not fetched from/);
    expect(server.requests).toBe(0);
  });

  it('does not connect to local addresses that a redirect leads to', async () => {
    const inside = await serve(text(keySet('secret')));
    const outside = await serve((_, response) => response.writeHead(302, { location: inside.url }).end());
    const allowed = { isAllowed: (address: string) => address === '127.0.0.1', resolve: async () => ['127.0.0.1'] };
    const redirecting = await serve((_, response) =>
      response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end(),
    );
    await expect(fetchKeys({ uri: redirecting.url, discovery: false }, allowed, never)).rejects.toThrow(
      /169\.254\.169\.254/,
    );
    expect(await fetchKeys({ uri: outside.url, discovery: false }, allowed, never)).toBe(keySet('secret'));
  });

  it('connects to the very address that was checked', async () => {
    const { url } = await serve((request, response) => response.end(keySet(request.headers.host ?? '')));
    const port = new URL(url).port;
    const resolve = async () => ['127.0.0.1'];
    const got = await fetchKeys(
      { uri: `http://keys.example:${port}/`, discovery: false },
      { ...anywhere, resolve },
      never,
    );
    expect(got).toBe(keySet(`keys.example:${port}`));
  });
});

describe('keys', () => {
  const usable = JSON.parse(keySet('a')) as { readonly keys: readonly object[] };

  it('that no proxy could use are left out', () => {
    const unusable = [
      { kty: 'RSA' },
      { kty: 'EC', crv: 'P-256', x: 'eA', y: 'eQ' },
      { kty: 'XYZ' },
      { kty: 'RSA', alg: 'ES256' },
      1,
    ];
    expect(usableKeySet(JSON.stringify({ keys: [...unusable, ...usable.keys] }))).toBe(keySet('a'));
    expect(usableKeySet(JSON.stringify({ keys: unusable }))).toBeUndefined();
  });

  it('are as they were written when all can be used', () => {
    expect(usableKeySet(` ${keySet('a')} `)).toBe(` ${keySet('a')} `);
  });
});

describe('addresses', () => {
  test.each(['10.0.0.1', '192.168.1.1', '203.0.113.9', '2001:db8::1', 'fd00::1'])('%s is fetched from', (address) => {
    expect(isFetchable(address)).toBe(true);
  });

  test.each([
    '127.0.0.1',
    '127.9.9.9',
    '0.0.0.0',
    '169.254.169.254',
    '100.100.100.200',
    '168.63.129.16',
    '255.255.255.255',
    '224.0.0.1',
    '::',
    '::1',
    'fe80::1',
    'fe80::1%eth0',
    'ff02::1',
    'fd00:ec2::254',
    '::ffff:127.0.0.1',
    '::ffff:a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    '::7f00:1',
  ])('%s is not', (address) => {
    expect(isFetchable(address)).toBe(false);
  });
});

const mesh = (...uris: readonly string[]) =>
  snapshotOf(
    uris
      .map(
        (uri, i) => `---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: r${i}, namespace: garden}
spec: {jwtRules: [{issuer: wren, jwksUri: '${uri}'}]}
`,
      )
      .join(''),
  );

/** A watcher whose timers run when the test says so. */
function watcher() {
  const timers: { readonly wait: number; readonly run: () => void; cancelled: boolean }[] = [];
  const changes = { count: 0 };
  const keys = new KeyWatcher({
    ...anywhere,
    onChange: () => changes.count++,
    random: () => 0.5,
    after: (wait, run) => {
      const timer = { wait, run, cancelled: false };
      timers.push(timer);
      return () => (timer.cancelled = true);
    },
  });
  stops.push(() => keys.stop());
  const refresh = async (): Promise<void> => {
    timers.at(-1)?.run();
    await keys.settled();
  };
  return { keys, timers, changes, refresh };
}

describe('the watcher', () => {
  it('fetches once for all rules with one address, and tells of it', async () => {
    const server = await serve(text(keySet('a')));
    const { keys, changes } = watcher();
    keys.follow(mesh(server.url, server.url));
    await keys.settled();
    expect([...keys.keySets]).toEqual([[server.url, keySet('a')]]);
    expect([server.requests, changes.count, keys.problems()]).toEqual([1, 1, []]);
  });

  it('fetches again in the background, and changes nothing when nothing changed', async () => {
    let kid = 'a';
    const { url } = await serve((_, response) => response.end(keySet(kid)));
    const { keys, changes, timers, refresh } = watcher();
    keys.follow(mesh(url));
    await keys.settled();
    const before = keys.keySets;
    expect(timers.at(-1)?.wait).toBe(20 * 60_000);
    await refresh();
    expect(keys.keySets).toBe(before);
    kid = 'b';
    await refresh();
    expect(keys.keySets.get(url)).toBe(keySet('b'));
    expect(changes.count).toBe(2);
  });

  it('keeps the last good keys when a fetch fails, says so, and tries again soon', async () => {
    let works = true;
    const { url } = await serve((_, response) => (works ? response.end(keySet('a')) : response.writeHead(500).end()));
    const { keys, timers, refresh } = watcher();
    keys.follow(mesh(url));
    await keys.settled();
    works = false;
    await refresh();
    expect(keys.keySets.get(url)).toBe(keySet('a'));
    expect(keys.problems()[0]).toMatchObject({
      code: 'keys-unavailable',
      source: { name: 'r0', path: 'spec.jwtRules[0]' },
      message: expect.stringContaining('last good') as unknown,
    });
    await refresh();
    expect(timers.slice(-2).map(({ wait }) => wait)).toEqual([1000, 2000]);
    works = true;
    await refresh();
    expect(keys.problems()).toEqual([]);
  });

  it('has no keys while there never were any', async () => {
    const { url } = await serve((_, response) => response.writeHead(404).end());
    const { keys, changes } = watcher();
    keys.follow(mesh(url));
    await keys.settled();
    expect(keys.keySets.size).toBe(0);
    expect(keys.problems()[0]?.message).toContain('every token of this issuer is refused');
    expect(changes.count).toBe(1);
  });

  it('forgets what nobody names any more', async () => {
    const { url } = await serve(text(keySet('a')));
    const { keys, timers } = watcher();
    keys.follow(mesh(url));
    await keys.settled();
    keys.follow(mesh());
    expect(keys.keySets.size).toBe(0);
    expect(timers.every(({ cancelled }) => cancelled)).toBe(true);
  });

  it('asks only few at a time', async () => {
    const waiting: ServerResponse[] = [];
    const server = await serve((_, response) => void waiting.push(response));
    const { keys } = watcher();
    keys.follow(mesh(...Array.from({ length: 20 }, (_, i) => `${server.url}/${i}`)));
    const answerAll = async (): Promise<void> => {
      while (keys.keySets.size < 20) {
        expect(waiting.length).toBeLessThanOrEqual(8);
        for (const response of waiting.splice(0)) response.end(keySet('a'));
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await answerAll();
    expect(server.requests).toBe(20);
  });
});
