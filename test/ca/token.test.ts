import { beforeAll, expect, test } from 'vitest';
import type { TokenAuthority } from '../../src/ca/identity/token.ts';
import { createRoot } from '../../src/ca/authority.ts';
import { tokenAuthority } from '../../src/ca/identity/token.ts';

const identity = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' };
const now = Date.UTC(2026, 0, 1);
const terms = { audience: 'keelson', now };
const hour = 60 * 60_000;
let tokens: TokenAuthority;
let others: TokenAuthority;
beforeAll(async () => {
  tokens = tokenAuthority((await createRoot('cluster.local', now, hour)).privateKey);
  others = tokenAuthority((await createRoot('cluster.local', now, hour)).privateKey);
});

test('a token speaks for the workload it was issued for', () => {
  expect(tokens.verify(tokens.issue(identity, hour, terms), { audience: 'keelson', now: now + hour - 1000 })).toEqual(
    identity,
  );
});

test('not for longer than it is valid, nor before', () => {
  const token = tokens.issue(identity, hour, terms);
  expect(tokens.verify(token, { audience: 'keelson', now: now + hour })).toBeUndefined();
  expect(tokens.verify(token, { audience: 'keelson', now: now - hour })).toBeUndefined();
});

test('not to another audience', () => {
  expect(tokens.verify(tokens.issue(identity, hour, terms), { audience: 'other', now })).toBeUndefined();
});

test('not if somebody else issued it', () => {
  expect(tokens.verify(others.issue(identity, hour, terms), terms)).toBeUndefined();
});

test('not if anything of it is changed, left out or added', () => {
  const token = tokens.issue(identity, hour, terms);
  const [head = '', body = '', mark = ''] = token.split('.');
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as object;
  const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'spiffe://cluster.local/ns/bank/sa/till' })).toString(
    'base64url',
  );
  const unsigned = Buffer.from(JSON.stringify({ alg: 'none', typ: 'JWT' })).toString('base64url');
  const wrong = [
    `${head}.${forged}.${mark}`,
    `${unsigned}.${body}.`,
    `${unsigned}.${body}.${mark}`,
    `${head}.${body}.`,
    `${head}.${body}`,
    `${token}.${mark}`,
    `${head}.${body}.${mark.slice(1)}`,
    '',
    '..',
    'x'.repeat(10_000),
  ];
  for (const attempt of wrong) expect(tokens.verify(attempt, terms)).toBeUndefined();
});
