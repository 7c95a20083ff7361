import { mkdir, mkdtemp, readFile, rename, rm, symlink, truncate, unlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Problem } from '../../src/model/problem.ts';
import type { Snapshot } from '../../src/model/snapshot.ts';
import { watchDirectory } from '../../src/watchers/files/directory.ts';
import { loadConfig } from '../../src/watchers/files/load-config.ts';

const service = (name: string, port = 80): string =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: shop}\nspec:\n  ports:\n  - port: ${port}\n`;

let folder: string;
let stop: AbortController;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'config-'));
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await rm(folder, { recursive: true });
});
const file = (name: string): string => join(folder, name);
const write = (name: string, text: string): Promise<void> => writeFile(file(name), text);

interface Seen {
  readonly snapshot: Snapshot;
  readonly problems: readonly Problem[];
}

/** Watches the folder; `next(when)` waits for a report of which `when` holds. */
async function watching(path = folder, rescanMs = 60_000) {
  const reports: Seen[] = [];
  let wake: (() => void) | undefined;
  const report = (snapshot: Snapshot, problems: readonly Problem[]): void => {
    reports.push({ snapshot, problems });
    wake?.();
  };
  await watchDirectory(path, report, { signal: stop.signal, rescanMs });
  const next = async (when: (seen: Seen) => boolean): Promise<Seen> => {
    for (;;) {
      const seen = reports.at(-1);
      if (seen && when(seen)) return seen;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  return { reports, next };
}
const names = ({ snapshot }: Seen): readonly string[] => [...snapshot.objects.Service.keys()];
const port = ({ snapshot }: Seen, key: string): number | undefined =>
  snapshot.objects.Service.get(key)?.spec.ports?.[0]?.port;
const codes = ({ problems }: Seen): readonly string[] => problems.map(({ code }) => code);

describe('reading once', () => {
  test('every YAML and JSON file below, but no hidden ones', async () => {
    await mkdir(file('a/b'), { recursive: true });
    await mkdir(file('.git'));
    await write('a/b/one.yaml', `${service('one')}---\n${service('two')}`);
    await write(
      'three.json',
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'List',
        items: [{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'three' } }],
      }),
    );
    await write('.hidden.yaml', service('hidden'));
    await write('.git/x.yaml', service('hidden'));
    await write('notes.txt', 'no yaml: [');
    const { snapshot, problems } = await loadConfig([folder]);
    expect(problems).toEqual([]);
    expect([...snapshot.objects.Service.keys()].toSorted()).toEqual(['default/three', 'shop/one', 'shop/two']);
  });

  test('a problem knows its file and line', async () => {
    await write('a.yaml', `${service('fine')}---\n${service('bad')}    prot: TCP\n`);
    const { snapshot, problems } = await loadConfig([file('a.yaml')]);
    expect([...snapshot.objects.Service.keys()]).toEqual(['shop/fine', 'shop/bad']);
    expect(problems).toEqual([]);
    await write('b.yaml', `${service('fine')}---\n${service('bad').replace('80', 'eighty')}`);
    const [problem] = (await loadConfig([file('b.yaml')])).problems;
    expect(problem?.position).toEqual({ file: file('b.yaml'), line: 13, column: 5 });
  });

  test('the first of several objects of one name counts, by path and position', async () => {
    await write('b.yaml', service('cart', 3));
    await write('a.yaml', `${service('cart', 1)}---\n${service('cart', 2)}`);
    const seen = await loadConfig([folder]);
    expect(port(seen, 'shop/cart')).toBe(1);
    expect(
      seen.problems.map(({ code, position, message }) => [
        code,
        position?.file,
        message.includes(`${file('a.yaml')}:1`),
      ]),
    ).toEqual([
      ['duplicate-object', file('a.yaml'), true],
      ['duplicate-object', file('b.yaml'), true],
    ]);
  });

  test('files that are too large, broken or not there are problems', async () => {
    await write('good.yaml', service('cart'));
    await write('large.yaml', `# ${'x'.repeat(10 << 20)}\n`);
    await write('broken.yaml', 'a: [');
    await symlink('nowhere', file('dangling.yaml'));
    const seen = await loadConfig([folder, file('gone.yaml')]);
    expect(names(seen)).toEqual(['shop/cart']);
    expect(codes(seen).toSorted()).toEqual(['file-too-large', 'invalid-yaml', 'unreadable-file', 'unreadable-file']);
  });

  test('a folder that contains itself', async () => {
    await write('a.yaml', service('cart'));
    await symlink('.', file('self'));
    expect(await loadConfig([folder]).then(names)).toEqual(['shop/cart']);
  });
});

describe('watching', () => {
  test('a changed, a new and a deleted file', async () => {
    await write('a.yaml', service('a'));
    const { next } = await watching();
    const first = await next((seen) => names(seen).length === 1);
    await write('b.yaml', service('b'));
    const second = await next((seen) => names(seen).length === 2);
    expect(second.snapshot.objects.Service.get('shop/a')).toBe(first.snapshot.objects.Service.get('shop/a'));
    await write('b.yaml', service('b', 81));
    const third = await next((seen) => port(seen, 'shop/b') === 81);
    expect(third.snapshot.objects.Service.get('shop/a')).toBe(first.snapshot.objects.Service.get('shop/a'));
    expect(third.snapshot.objects.Pod).toBe(first.snapshot.objects.Pod);
    await unlink(file('b.yaml'));
    await next((seen) => names(seen).length === 1);
  });

  test('a file in a folder that comes later, and a file replaced by renaming', async () => {
    const { next } = await watching();
    await mkdir(file('later'));
    await write('later/a.yaml', service('a'));
    await next((seen) => names(seen).length === 1);
    await write('later/.a.yaml.tmp', service('a', 81));
    await rename(file('later/.a.yaml.tmp'), file('later/a.yaml'));
    await next((seen) => port(seen, 'shop/a') === 81);
  });

  test('a folder that is deleted and made again', async () => {
    await mkdir(file('sub'));
    await write('sub/a.yaml', service('a'));
    const { next } = await watching();
    await rm(file('sub'), { recursive: true });
    await mkdir(file('sub'));
    await write('sub/a.yaml', service('a', 81));
    await next((seen) => port(seen, 'shop/a') === 81);
    await write('sub/a.yaml', service('a', 82));
    await next((seen) => port(seen, 'shop/a') === 82);
  });

  test('a single file, replaced by renaming', async () => {
    await write('a.yaml', service('a'));
    const { next } = await watching(file('a.yaml'));
    await write('new', service('a', 81));
    await rename(file('new'), file('a.yaml'));
    await next((seen) => port(seen, 'shop/a') === 81);
  });

  test('a mounted ConfigMap, which changes by one symbolic link', async () => {
    await mkdir(file('..1'));
    await mkdir(file('..2'));
    await write('..1/a.yaml', service('a', 1));
    await write('..2/a.yaml', service('a', 2));
    await symlink('..1', file('..data'));
    await symlink('..data/a.yaml', file('a.yaml'));
    const { next } = await watching();
    await next((seen) => port(seen, 'shop/a') === 1 && seen.problems.length === 0);
    await symlink('..2', file('..data_tmp'));
    await rename(file('..data_tmp'), file('..data'));
    await next((seen) => port(seen, 'shop/a') === 2);
  });

  test('a broken file keeps what was good, until it is whole again', async () => {
    await write('a.yaml', service('a'));
    const { next } = await watching();
    const good = await next((seen) => names(seen).length === 1);
    await write('a.yaml', `${service('a', 81)}  broken: [`);
    const broken = await next((seen) => codes(seen).includes('invalid-yaml'));
    expect(broken.snapshot).toBe(good.snapshot);
    expect(broken.problems[0]?.message).toMatch(/stay in force/);
    await write('a.yaml', service('a', 82));
    const whole = await next((seen) => port(seen, 'shop/a') === 82);
    expect(whole.problems).toEqual([]);
  });

  test('a refused object keeps its last good version, the others of the file change', async () => {
    await write('a.yaml', `${service('a', 1)}---\n${service('b', 1)}`);
    const { next } = await watching();
    await next((seen) => names(seen).length === 2);
    await write('a.yaml', `${service('a', 99999)}---\n${service('b', 2)}`);
    const seen = await next((report) => port(report, 'shop/b') === 2);
    expect(port(seen, 'shop/a')).toBe(1);
    expect(seen.problems[0]?.message).toMatch(/last good version stays in force/);
    await write('a.yaml', service('b', 3));
    expect(names(await next((report) => port(report, 'shop/b') === 3))).toEqual(['shop/b']);
  });

  test('a file that was just emptied is being written; one that stays empty is empty', async () => {
    await write('a.yaml', service('a'));
    const { next } = await watching(folder, 100);
    const good = await next((seen) => names(seen).length === 1);
    await truncate(file('a.yaml'));
    const unfinished = await next((seen) => codes(seen).includes('unfinished-file'));
    expect(unfinished.snapshot).toBe(good.snapshot);
    const past = new Date(Date.now() - 60_000);
    await utimes(file('a.yaml'), past, past);
    await next((seen) => names(seen).length === 0);
  });

  test('a folder that comes into being later, by the slow look alone', async () => {
    const { next } = await watching(file('later'), 50);
    await next((seen) => codes(seen).includes('unreadable-file'));
    await mkdir(file('later'));
    await write('later/a.yaml', service('a'));
    await next((seen) => names(seen).length === 1 && seen.problems.length === 0);
  });

  test('a file of the same content is no change', async () => {
    await write('a.yaml', service('a'));
    const { reports, next } = await watching();
    await write('a.yaml', `# a comment\n${await readFile(file('a.yaml'), 'utf8')}`);
    await write('b.yaml', service('b'));
    const last = await next((seen) => names(seen).length === 2);
    expect(last.snapshot.objects.Service.get('shop/a')).toBe(reports[0]?.snapshot.objects.Service.get('shop/a'));
    expect(reports.length).toBe(2);
  });

  test('ends with its signal', async () => {
    const { reports } = await watching(folder, 10);
    stop.abort();
    await write('a.yaml', service('a'));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(reports.length).toBe(1);
  });
});
