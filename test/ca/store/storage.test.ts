import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createRoot, openAuthority } from '../../../src/ca/authority.ts';
import { loadOrCreateRoot } from '../../../src/ca/store/storage.ts';
import { StorageError } from '../../../src/ca/store/authority-store.ts';
import { workloadTemplate } from '../../../src/ca/certificate/template.ts';

const now = Date.now();
const create = () => createRoot('cluster.local', now, 60_000);
const directories: string[] = [];
afterAll(() => directories.forEach((directory) => rmSync(directory, { recursive: true })));

function directory(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'storage-'));
  directories.push(made);
  return made;
}

test('the root is made once and found again', async () => {
  const place = path.join(directory(), 'below', 'further');
  const made = await loadOrCreateRoot(place, create, now);
  const found = await loadOrCreateRoot(place, () => Promise.reject(new Error('made twice')), now);
  expect(found.certificate.trim()).toBe(made.certificate.trim());
  const identity = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' };
  await (await openAuthority(found)).issue(workloadTemplate(identity, {}, now, 1000));
});

test('nobody else may read it', async () => {
  const place = directory();
  await loadOrCreateRoot(place, create, now);
  expect(readdirSync(place)).toEqual(['root.pem']);
  expect(statSync(path.join(place, 'root.pem')).mode & 0o777).toBe(0o600);
});

test('of several that make it at once, all end up with the same', async () => {
  const place = directory();
  const roots = await Promise.all(Array.from({ length: 5 }, () => loadOrCreateRoot(place, create, now)));
  expect(new Set(roots.map(({ certificate }) => certificate.trim())).size).toBe(1);
  expect(readdirSync(place)).toEqual(['root.pem']);
});

test.each([
  ['cut off', (text: string) => text.slice(0, -100), 'holds no private key'],
  ['empty', () => '', 'holds no certificate'],
  ['scrambled', (text: string) => text.replace(/\nMII/, '\nAAA'), 'damaged'],
])('a root that is %s is told, not replaced', async (_what, damage, complaint) => {
  const place = directory();
  await loadOrCreateRoot(place, create, now);
  const file = path.join(place, 'root.pem');
  const damaged = damage(readFileSync(file, 'utf8'));
  writeFileSync(file, damaged);
  const attempt = loadOrCreateRoot(place, create, now);
  await expect(attempt).rejects.toThrow(StorageError);
  await expect(attempt).rejects.toThrow(complaint);
  await expect(attempt).rejects.toThrow(file);
  await expect(attempt).rejects.not.toThrow('PRIVATE KEY-----');
  expect(readFileSync(file, 'utf8')).toBe(damaged);
});

test('a root with somebody else’s key, or one that has expired, is told', async () => {
  const place = directory();
  const file = path.join(place, 'root.pem');
  const [one, other] = [await create(), await create()];
  writeFileSync(file, one.certificate + '\n' + other.privateKey);
  await expect(loadOrCreateRoot(place, create, now)).rejects.toThrow('not the certificate’s');
  writeFileSync(file, one.certificate + '\n' + one.privateKey);
  await expect(loadOrCreateRoot(place, create, now + 120_000)).rejects.toThrow('expired');
});

test.skipIf(process.getuid?.() === 0)('a root that may not be read is told', async () => {
  const place = directory();
  await loadOrCreateRoot(place, create, now);
  chmodSync(path.join(place, 'root.pem'), 0);
  await expect(loadOrCreateRoot(place, create, now)).rejects.toThrow('cannot be read');
});
