// The rotation of a root as a machine, step by step and in any order of events; and its edge, through crashes.
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Problem } from '../../../src/model/problem.ts';
import type { Origin, OriginatedSigner, RotationState } from '../../../src/ca/root/root-rotation.ts';
import type { TrustingProxy } from '../../../src/ca/root/rotator.ts';
import { attendance } from '../../../src/ca/root/attendance.ts';
import { createRoot, endOf } from '../../../src/ca/authority.ts';
import { liveAuthority } from '../../../src/ca/root/live-authority.ts';
import { openResident } from '../../../src/ca/root/resident.ts';
import { advance, begin, trustedRoots } from '../../../src/ca/root/root-rotation.ts';
import { directoryStore, loadAuthority, requestRotation } from '../../../src/ca/store/storage.ts';
import { workloadTemplate } from '../../../src/ca/certificate/template.ts';
import type { MadeAuthority } from '../../support/mesh/openssl.ts';
import type { SecretObject } from '../../../src/ca/root/plugged.ts';
import { inScratch, makeAuthority, openssl, secretObject } from '../../support/mesh/openssl.ts';
import { FakeClock } from '../fake-clock.ts';

const start = Date.now();
const hour = 3600_000;
const day = 24 * hour;

let signers: readonly OriginatedSigner[];
beforeAll(async () => {
  const made = await Promise.all(
    [0, 1, 2].map((shift) => createRoot('cluster.local', start + shift * 1000, 1000 * day)),
  );
  signers = made.map((root) => ({
    ...root,
    intermediates: [],
    roots: [root.certificate],
    origin: 'own' as Origin,
    outstandingUntil: 0,
  }));
});

const pluggedSecretOf = ({ certificate, key, root }: MadeAuthority): SecretObject =>
  secretObject({ 'tls.crt': certificate, 'tls.key': key, 'ca.crt': root });

const settled = (signer: OriginatedSigner): RotationState => ({ stage: 'settled', signer, bridge: [] });
const facts = { rootsAccepted: true, leafsAccepted: true, now: start };
const rootOf = ({ roots }: OriginatedSigner): string => roots[0] ?? '';

describe('the machine', () => {
  test('gives out the new root, then signs with it, then takes the old one away', () => {
    const [a, b] = signers as [OriginatedSigner, OriginatedSigner];
    const first = begin(settled(a), b, ['bridge'])!;
    expect([first.stage, first.signer]).toEqual(['distributing', a]);
    expect(trustedRoots(first)).toEqual([rootOf(a), rootOf(b)]);
    expect(advance(first, { ...facts, rootsAccepted: false })).toBe(first);
    const second = advance(first, { ...facts, leafsAccepted: false });
    expect([second.stage, second.signer]).toEqual(['switching', b]);
    expect(trustedRoots(second)).toEqual([rootOf(b), rootOf(a)]);
    expect(JSON.stringify(second)).not.toContain(JSON.stringify(a.privateKey).slice(1, -1));
    expect(advance(second, { ...facts, leafsAccepted: false })).toBe(second);
    const third = advance(second, facts);
    expect(third).toEqual({ stage: 'settled', signer: b, bridge: ['bridge'] });
    expect(trustedRoots(third)).toEqual([rootOf(b)]);
  });

  test('keeps the old root while certificates are out that nobody can replace', () => {
    const [a, b] = signers as [OriginatedSigner, OriginatedSigner];
    const switching = advance(begin(settled({ ...a, outstandingUntil: start + hour }), b, [])!, facts);
    expect(advance(switching, facts)).toBe(switching);
    expect(advance(switching, { ...facts, now: start + hour }).stage).toBe('settled');
  });

  test('does nothing for the signer that is in force, and gives up for it what has not switched yet', () => {
    const [a, b] = signers as [OriginatedSigner, OriginatedSigner];
    expect(begin(settled(a), { ...a }, [])).toBeUndefined();
    expect(begin(begin(settled(a), b, [])!, a, [])).toEqual(settled(a));
    expect(begin(advance(begin(settled(a), b, [])!, facts), a, [])).toBeUndefined();
  });

  test('whatever happens, nobody signs before all have the root, and no root goes while it is needed', () => {
    const event = fc.oneof(
      fc.record({ wish: fc.integer({ min: 0, max: 2 }) }),
      fc.record({ rootsAccepted: fc.boolean(), leafsAccepted: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (events) => {
        let state = settled(signers[0]!);
        let accepted = new Set(trustedRoots(state));
        for (const each of events) {
          const before = state;
          if ('wish' in each) state = begin(state, signers[each.wish]!, []) ?? state;
          else state = advance(state, { ...each, now: start });
          if ('rootsAccepted' in each && each.rootsAccepted) accepted = new Set(trustedRoots(before));
          if (state.signer !== before.signer) expect(accepted.has(rootOf(state.signer))).toBe(true);
          const usedBefore = rootOf(before.signer);
          const isReplaced = 'leafsAccepted' in each && each.leafsAccepted;
          if (!isReplaced) expect(trustedRoots(state)).toContain(usedBefore);
          expect(trustedRoots(state)).toContain(rootOf(state.signer));
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('the live authority', () => {
  test('refuses a signer whose root nobody was given', () => {
    const [a, b] = signers as [OriginatedSigner, OriginatedSigner];
    const live = liveAuthority(settled(a), () => start);
    expect(() => live.replace(settled(b))).toThrow('before its root was given to everybody');
    expect(live.roots).toBe(rootOf(a));
    live.replace(begin(settled(a), b, [])!);
    live.replace(advance(live.state, facts));
    expect(live.roots).toBe(rootOf(b) + rootOf(a));
  });
});

test('who has gone is waited for, but not for ever', () => {
  const who = attendance(1000);
  expect(
    who.missing(
      [
        { name: 'a', accepted: true },
        { name: 'b', accepted: true },
      ],
      0,
    ),
  ).toEqual([]);
  who.restart();
  expect(who.missing([{ name: 'a', accepted: false }], 100)).toEqual(['a', 'b']);
  expect(who.missing([{ name: 'a', accepted: true }], 200)).toEqual(['b']);
  expect(who.missing([], 900)).toEqual(['b']);
  expect(who.missing([], 1000)).toEqual([]);
  expect(who.missing([{ name: 'b', accepted: false }], 1500)).toEqual(['b']);
});

describe('a daemon’s authority', () => {
  const directories: string[] = [];
  const stops: (() => void)[] = [];
  afterEach(() => stops.splice(0).forEach((stop) => stop()));
  afterAll(() => directories.forEach((directory) => rmSync(directory, { recursive: true })));
  const pace = { look: 100, patience: 1000, absence: 5000 };
  const proxies: TrustingProxy[] = [];

  function place(): string {
    const directory = mkdtempSync(join(tmpdir(), 'resident-'));
    directories.push(directory);
    return directory;
  }

  async function open(
    directory: string,
    clock = new FakeClock(start),
    rootKeys: 'ecdsa-p256' | 'rsa-2048' = 'ecdsa-p256',
    plugged?: SecretObject,
  ) {
    const logged: string[] = [];
    const problems: Problem[][] = [];
    const note = (message: string, fields?: object): number => logged.push(`${message} ${JSON.stringify(fields)}`);
    const resident = await openResident({
      store: directoryStore(directory),
      trustDomain: 'cluster.local',
      plugged,
      rootKeys,
      pace,
      clock,
      log: { info: note, warn: note, error: note },
      onProblems: (all) => problems.push([...all]),
    });
    let isReissued = true;
    resident.start({ proxies: () => proxies, isReissued: () => isReissued });
    stops.push(() => resident.stop());
    /** Looks again and again, for so many milliseconds of the clock. */
    const pass = async (milliseconds: number): Promise<void> => {
      for (let passed = 0; passed < milliseconds; passed += pace.look) {
        clock.pass(pace.look);
        // What a look does ends with files being written, however long that takes.
        for (let turn = 0; turn < 200 && (clock.next === undefined || turn < 8); turn++)
          await new Promise((resolve) => setTimeout(resolve, 1));
      }
    };
    const until = async (stage: RotationState['stage']): Promise<void> => {
      for (let turn = 0; turn < 60 && resident.status().stage !== stage; turn++) await pass(pace.look);
      expect(resident.status().stage).toBe(stage);
    };
    return { resident, clock, logged, problems, pass, until, reissued: (value: boolean) => (isReissued = value) };
  }

  const saved = async (directory: string) => (await loadAuthority(directory))!;

  test(
    'goes through a rotation, and can be taken up by another process at every step',
    { timeout: 60_000 },
    async () => {
      const directory = place();
      const clock = new FakeClock(start);
      const first = await open(directory, clock);
      const { roots: before } = first.resident.authority;
      proxies.splice(0, proxies.length, { name: 'web', unacceptedSecrets: ['ROOTCA'] });
      await requestRotation(directory);
      await first.until('distributing');
      await first.pass(3000);
      expect(first.resident.status()).toMatchObject({ stage: 'distributing', waiting: ['web'] });
      expect((await saved(directory)).waiting).toEqual(['web']);
      first.resident.stop();

      const second = await open(directory, clock);
      expect(second.resident.status().stage).toBe('distributing');
      expect(second.resident.authority.roots).toBe(first.resident.authority.roots);
      proxies.splice(0, 1, { name: 'web', unacceptedSecrets: [] });
      await second.pass(500);
      expect(second.resident.status()).toMatchObject({
        stage: 'distributing',
        waiting: ['proxies that may still come'],
      });
      second.reissued(false);
      await second.until('switching');
      const { id, bridge } = second.resident.authority;
      expect(bridge).not.toBe('');
      second.resident.stop();

      const third = await open(directory, clock);
      expect(third.resident.authority.id).toBe(id);
      third.reissued(false);
      await third.pass(2500);
      expect(third.resident.status()).toMatchObject({
        stage: 'switching',
        waiting: ['certificates that are being signed'],
      });
      third.reissued(true);
      await third.until('settled');
      expect(third.resident.authority.roots).not.toContain(before);
      await expect.poll(() => readdirSync(directory).toSorted()).toEqual(['authority.json', 'root.pem']);
      expect(statSync(join(directory, 'authority.json')).mode & 0o777).toBe(0o600);
      third.resident.stop();

      const fourth = await open(directory, clock);
      await fourth.pass(1000);
      expect(fourth.resident.status()).toMatchObject({ stage: 'settled', waiting: [] });
      expect(fourth.resident.authority.id).toBe(id);
      expect(readFileSync(join(directory, 'root.pem'), 'utf8')).toContain(fourth.resident.authority.roots.trim());
      const all = [first, second, third, fourth].flatMap(({ logged }) => logged).join('\n');
      expect(all).not.toContain('PRIVATE KEY');
      expect(all).toContain('the rotation of the root is complete');
    },
  );

  test(
    'another authority is plugged in during a rotation to the first, and has its turn after that',
    { timeout: 60_000 },
    async () => {
      const directory = place();
      proxies.length = 0;
      const secrets = ['One', 'Two'].map((name) => pluggedSecretOf(makeAuthority({ name })));
      const opened = await open(directory, new FakeClock(Date.now() + 2000));
      const { resident, until, pass, reissued, problems } = opened;
      resident.plug(secrets[0]);
      reissued(false);
      await until('switching');
      resident.plug(secrets[1]);
      await pass(1500);
      expect(resident.status()).toMatchObject({ stage: 'switching', signer: { subject: 'O=One, CN=One middle' } });
      reissued(true);
      await until('settled');
      await until('distributing');
      await until('settled');
      expect(resident.status()).toMatchObject({ origin: 'plugged', signer: { subject: 'O=Two, CN=Two middle' } });
      resident.plug(undefined);
      await pass(500);
      expect(resident.status()).toMatchObject({ stage: 'settled', signer: { subject: 'O=Two, CN=Two middle' } });
      expect(problems).toEqual([]);
    },
  );

  test('at the very first start a Secret that cannot be used is a fault, and no root is made in its place', async () => {
    const directory = place();
    const plugged = pluggedSecretOf({ ...makeAuthority(), key: '' });
    await expect(open(directory, new FakeClock(start), 'ecdsa-p256', plugged)).rejects.toThrow(
      'private key is missing',
    );
    expect(readdirSync(directory)).toEqual([]);
  });

  test('a certificate that somebody holds the key of keeps the old root trusted', { timeout: 60_000 }, async () => {
    const directory = place();
    proxies.length = 0;
    const { resident, until, pass } = await open(directory);
    await resident.handedOut(start + 30_000);
    await requestRotation(directory);
    await until('switching');
    await pass(3000);
    expect(resident.status().waiting).toEqual([
      expect.stringContaining('certificates whose bearers have the keys, until'),
    ]);
    expect((await saved(directory)).state).toMatchObject({
      retiring: { outstandingUntil: Math.ceil((start + 30_000) / hour) * hour },
    });
  });

  test('during a rotation either root alone is enough to trust a new leaf', { timeout: 60_000 }, async () => {
    const directory = place();
    proxies.length = 0;
    const { resident, until, reissued } = await open(directory, new FakeClock(start), 'rsa-2048');
    const before = resident.authority.roots;
    reissued(false);
    await requestRotation(directory);
    await until('switching');
    const identity = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' };
    const { certificate } = await resident.authority.issue(workloadTemplate(identity, {}, start, hour));
    const after = resident.authority.roots.replace(before, '');
    inScratch((scratch) => {
      const [leaf = '', ...bridges] = certificate.split(/(?<=-----END CERTIFICATE-----\n)/);
      const files = { 'leaf.pem': leaf, 'bridge.pem': bridges.join(''), 'old.pem': before, 'new.pem': after };
      for (const [file, text] of Object.entries(files)) writeFileSync(join(scratch, file), text);
      for (const root of ['old.pem', 'new.pem'])
        expect(
          openssl(scratch, 'verify', '-x509_strict', '-CAfile', root, '-untrusted', 'bridge.pem', 'leaf.pem'),
        ).toContain('OK');
      expect(() => openssl(scratch, 'verify', '-CAfile', 'old.pem', 'leaf.pem')).toThrow();
      expect(openssl(scratch, 'x509', '-in', 'new.pem', '-noout', '-text')).toContain('RSA');
    });
  });

  test('tells from thirty percent of its life on that it ends, once for each step', { timeout: 60_000 }, async () => {
    const directory = place();
    const made = await open(directory);
    made.resident.stop();
    const end = endOf(new X509Certificate(made.resident.authority.roots).toString());
    const life = end - start;
    const early = await open(directory, new FakeClock(end - 0.31 * life));
    await early.pass(200);
    expect(early.logged).toEqual([]);
    early.resident.stop();
    const late = await open(directory, new FakeClock(end - 0.29 * life));
    await late.pass(200);
    expect(late.logged).toHaveLength(1);
    expect(late.logged[0]).toContain('an authority of this mesh ends: rotate it');
    expect(late.problems.at(-1)).toMatchObject([{ code: 'authority-ends', severity: 'warning' }]);
    await late.pass(300);
    expect(late.logged).toHaveLength(1);
  });

  test.each([
    ['cut off', (text: string) => text.slice(0, -200)],
    ['without its key', (text: string) => text.replaceAll('PRIVATE KEY', 'PUBLIC KEY')],
    ['of another stage', (text: string) => text.replace('"settled"', '"over"')],
  ])('a state that is %s is told, not replaced', async (_what, damage) => {
    const directory = place();
    (await open(directory)).resident.stop();
    const file = join(directory, 'authority.json');
    const damaged = damage(readFileSync(file, 'utf8'));
    writeFileSync(file, damaged);
    await expect(open(directory)).rejects.toThrow(`${file} is damaged`);
    expect(readFileSync(file, 'utf8')).toBe(damaged);
  });
});
