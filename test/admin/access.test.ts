// Who may look without a token, and what others see: callers of this machine are known by where they come from, and by what a
// browser says of the page that makes it ask. A forwarded port comes from this machine.
import { mkdtemp, rm } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';

import type { FastifyRequest } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { isOfThisMachine } from '../../src/admin/http.ts';
import { directoryTokens, tokenAudience } from '../../src/daemon/authority/credentials.ts';
import type { Daemon } from '../../src/daemon/options.ts';
import { startDaemon } from '../../src/main.ts';

interface Asked {
  readonly from: string;
  readonly host?: string;
  readonly site?: string;
}

const isKnown = ({ from, host = 'localhost:15014', site }: Asked): boolean =>
  isOfThisMachine({
    socket: { remoteAddress: from },
    headers: { host, ...(site !== undefined && { 'sec-fetch-site': site }) },
  } as unknown as FastifyRequest);

test('this machine is a loopback address, of either family', () => {
  for (const from of ['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1']) expect(isKnown({ from }), from).toBe(true);
  for (const from of ['', '10.0.0.1', '::ffff:10.0.0.1', '::', 'fe80::1', '128.0.0.1', '1127.0.0.1'])
    expect(isKnown({ from }), from).toBe(false);
});

test('not a page of another site in its browser, nor a name that anybody may have given to this address', () => {
  const from = '127.0.0.1';
  for (const site of ['none', 'same-origin']) expect(isKnown({ from, site }), site).toBe(true);
  for (const site of ['cross-site', 'same-site', 'unheard-of']) expect(isKnown({ from, site }), site).toBe(false);
  for (const host of ['localhost', '127.0.0.1:40123', '[::1]:40123', 'LOCALHOST:1', '10.0.0.7:15014'])
    expect(isKnown({ from, host }), host).toBe(true);
  for (const host of [
    'evil.example.com',
    'evil.example.com:15014',
    'localhost.evil.example.com',
    '127.0.0.1.nip.io',
    '',
  ])
    expect(isKnown({ from, host }), host).toBe(false);
});

const elsewhere = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === 'IPv4' && !each.internal)?.address;

describe.skipIf(elsewhere === undefined)('from another machine (needs an address besides loopback)', () => {
  let state: string;
  let daemon: Daemon;
  beforeAll(async () => {
    state = await mkdtemp(join(tmpdir(), 'access-'));
    daemon = await startDaemon({
      config: state,
      state,
      xdsAddress: '127.0.0.1:0',
      monitoringAddress: '0.0.0.0:0',
      httpAddress: '0.0.0.0:0',
      log: { info: () => {}, warn: () => {}, error: () => {} },
      onProblems: () => {},
    });
  });
  afterAll(async () => {
    await daemon?.close();
    await rm(state, { recursive: true });
  });

  const bearer = async (namespace: string): Promise<string> => {
    const tokens = await directoryTokens(state);
    const identity = { trustDomain: 'cluster.local', namespace, serviceAccount: 'default' };
    return `Bearer ${tokens.issue(identity, 60_000, { audience: tokenAudience, now: Date.now() })}`;
  };
  const ask = (path: string, authorization?: string, host = elsewhere, port = daemon.monitoringPort) =>
    fetch(`http://${host}:${port}/${path}`, { headers: authorization === undefined ? {} : { authorization } });
  const statusOf = async (...asked: Parameters<typeof ask>): Promise<number> => (await ask(...asked)).status;

  test('nothing of the mesh without a token, at either port; metrics and the version are for all', async () => {
    for (const page of ['debug', 'debug/syncz', 'debug/configz', 'console/api/overview', 'debug/nonsense']) {
      expect(await statusOf(page), page).toBe(401);
      expect(await statusOf(page, 'Bearer no.such.token'), page).toBe(401);
    }
    expect(await statusOf('debug/syncz', undefined, elsewhere, daemon.httpPort)).toBe(401);
    for (const page of ['metrics', 'version']) expect(await statusOf(page), page).toBe(200);
    expect(await statusOf('ready', undefined, elsewhere, daemon.httpPort)).toBe(200);
  });

  test('what a token allows: its namespace, or all for those of the system', async () => {
    const [shop, system] = [await bearer('shop'), await bearer('istio-system')];
    expect(await statusOf('debug/syncz', shop)).toBe(200);
    expect(await statusOf('debug/configz', shop)).toBe(403);
    expect(await statusOf('debug/configz', system)).toBe(200);
  });

  test('all of it without a token through a forwarded port: it comes from this machine', async () => {
    for (const page of ['debug/syncz', 'debug/configz'])
      expect(await statusOf(page, undefined, '127.0.0.1'), page).toBe(200);
  });
});
