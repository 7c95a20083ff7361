// The authority of several replicas, over records that they share: one carries rotations through, none is left behind.
import type { Replicas, TrustingProxy } from '../../../src/ca/root/rotator.ts';
import type { RecordParts, SharedRecord } from '../../../src/model/shared-record.ts';
import { afterEach, describe, expect, test } from 'vitest';
import { openResident } from '../../../src/ca/root/resident.ts';
import { sharedStore } from '../../../src/ca/store/shared-store.ts';
import { FakeClock } from '../fake-clock.ts';

const pace = { look: 500, patience: 2000, absence: 10_000 };
const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** As the API server keeps one: versions, and whoever is late is told. */
function memoryRecord(place: string): SharedRecord & { writes: number; reads: number } {
  let content: { parts: RecordParts; version: string } | undefined;
  const record = {
    place,
    writes: 0,
    reads: 0,
    read: () => (record.reads++, Promise.resolve(content)),
    create: (parts: RecordParts) => {
      if (content !== undefined) return Promise.resolve(false);
      content = { parts, version: String(++record.writes) };
      return Promise.resolve(true);
    },
    replace: (parts: RecordParts, version: string) => {
      if (content?.version !== version) return Promise.resolve(false);
      content = { parts: { ...content.parts, ...parts }, version: String(++record.writes) };
      return Promise.resolve(true);
    },
  };
  return record;
}

function cluster() {
  const records = { root: memoryRecord('root'), state: memoryRecord('state') };
  const clock = new FakeClock(Date.parse('2026-01-01T00:00:00Z'));
  const told = new Map<string, { step: string; waiting: readonly string[] }>();
  let leader = 'one';
  const faults: string[] = [];
  const start = async (name: string, proxies: TrustingProxy[]) => {
    const store = sharedStore(records);
    const note = (message: string, fields?: object): void => void faults.push(`${message} ${JSON.stringify(fields)}`);
    const resident = await openResident({
      store,
      trustDomain: 'cluster.local',
      plugged: undefined,
      pace,
      clock,
      log: { info: () => {}, warn: note, error: note },
      onProblems: () => {},
    });
    const replicas: Replicas = {
      isLeading: () => leader === name,
      report: (step, waiting) => told.set(name, { step, waiting }),
      waiting: (step) =>
        [...told].flatMap(([other, report]) =>
          other === name ? [] : report.step === step ? report.waiting : [`the replica ${other}`],
        ),
    };
    // As its Lease says from the beginning.
    told.set(name, { step: '', waiting: [] });
    resident.start({ proxies: () => proxies, isReissued: () => true, replicas });
    stops.push(() => resident.stop());
    return resident;
  };
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  return { records, clock, start, settle, faults, lead: (name: string) => (leader = name) };
}

type Started = Awaited<ReturnType<ReturnType<typeof cluster>['start']>>;

describe('replicas with one authority', () => {
  test('that start at the same time have the same root', async () => {
    const { start, records } = cluster();
    const [one, two] = await Promise.all([start('one', []), start('two', [])]);
    expect(one.authority.roots).toBe(two.authority.roots);
    expect((await records.root.read())?.parts['root-cert.pem']).toBe(one.authority.roots);
  });

  test('go through a rotation together, which the proxies of each of them hold up', { timeout: 60_000 }, async () => {
    const { start, records, clock, settle, lead, faults } = cluster();
    const proxies: TrustingProxy[] = [{ name: 'web', unacceptedSecrets: ['ROOTCA'] }];
    const one = await start('one', []);
    const two = await start('two', proxies);
    const before = one.authority.id;
    const pass = async (looks: number): Promise<void> => {
      for (let look = 0; look < looks; look++) {
        clock.pass(pace.look);
        await settle();
        // As they are told by the API server.
        for (const resident of [one, two]) await resident.refresh();
      }
    };
    const until = async (stage: string, ...residents: readonly Started[]): Promise<void> => {
      for (let turn = 0; turn < 60 && residents.some((each) => each.status().stage !== stage); turn++) await pass(1);
      expect(residents.map((each) => each.status().stage)).toEqual(residents.map(() => stage));
    };
    await sharedStore(records).requestRotation();
    await until('distributing', one, two);
    expect(two.authority.roots).toBe(one.authority.roots);
    await pass(20);
    expect(one.status()).toMatchObject({ stage: 'distributing', waiting: ['web'] });
    // The leader dies, another one takes over at this very step.
    lead('two');
    one.stop();
    proxies[0] = { name: 'web', unacceptedSecrets: [] };
    const three = await start('one', []);
    for (let turn = 0; turn < 80 && two.status().stage !== 'settled'; turn++) {
      await pass(1);
      await three.refresh();
    }
    expect(two.status().stage).toBe('settled');
    expect(two.authority.id).not.toBe(before);
    expect(three.authority.id).toBe(two.authority.id);
    expect((await records.root.read())?.parts['root-cert.pem']).toBe(two.authority.roots);
    expect(faults.filter((line) => line.includes('PRIVATE'))).toEqual([]);
  });

  test('do not read what nobody has changed, and hear of a request at once', async () => {
    const { start, records, clock, settle } = cluster();
    const one = await start('one', []);
    const pass = async (looks: number): Promise<void> => {
      for (let look = 0; look < looks; look++) {
        clock.pass(pace.look);
        await settle();
      }
    };
    await pass(3);
    const { reads } = records.state;
    await pass(30);
    expect(records.state.reads).toBe(reads);
    await sharedStore(records).requestRotation();
    await one.refresh();
    await pass(1);
    await expect.poll(() => one.status().stage).toBe('distributing');
  });

  test('take up a request that they were not told of, later', async () => {
    const { start, records, clock, settle } = cluster();
    const one = await start('one', []);
    for (let look = 0; look < 3; look++) {
      clock.pass(pace.look);
      await settle();
    }
    await sharedStore(records).requestRotation();
    for (let look = 0; look < 3; look++) {
      clock.pass(30_000);
      await settle();
    }
    await expect.poll(() => one.status().stage).not.toBe('settled');
  });

  test('note what others have handed out before they give up its signer', async () => {
    const { start, clock } = cluster();
    const [one, two] = await Promise.all([start('one', []), start('two', [])]);
    const until = clock.now() + 3600_000;
    await two.handedOut(until);
    expect(one.authority.state.signer.outstandingUntil).toBe(0);
    await one.refresh();
    expect(one.authority.state.signer.outstandingUntil).toBeGreaterThanOrEqual(until);
  });
});
