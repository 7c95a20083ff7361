// What a cluster is made of is recognized by its content: another clone of the repository finds it in the cache.
import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, expect, it } from 'vitest';

import { fingerprint } from '../../scripts/cluster/cache.ts';

const made: string[] = [];
afterEach(async () => {
  for (const directory of made.splice(0)) await rm(directory, { recursive: true });
});

/** A directory with two files below it, at a place of its own. */
async function sources(): Promise<string> {
  const place = await mkdtemp(join(tmpdir(), 'keelson-cache-'));
  made.push(place);
  const root = join(place, 'tools');
  await mkdir(join(root, 'kind'), { recursive: true });
  await writeFile(join(root, 'kind', 'go.mod'), 'module kind');
  await writeFile(join(root, 'main.go'), 'package main');
  return root;
}

it('is the same for the same files elsewhere', async () => {
  const [one, other] = [await sources(), await sources()];
  expect(await fingerprint(['flags'], [one])).toBe(await fingerprint(['flags'], [other]));
  expect(await fingerprint([], [join(one, 'main.go')])).toBe(await fingerprint([], [join(other, 'main.go')]));
});

it('is another one when a text, a content or a name is', async () => {
  const root = await sources();
  const copy = async (change: (root: string) => Promise<void>): Promise<string> => {
    const changed = await sources();
    await cp(root, changed, { recursive: true });
    await change(changed);
    return fingerprint(['flags'], [changed]);
  };
  const all = [
    await fingerprint(['flags'], [root]),
    await fingerprint(['other flags'], [root]),
    await copy((changed) => writeFile(join(changed, 'kind', 'go.mod'), 'module other')),
    await copy((changed) => rename(join(changed, 'main.go'), join(changed, 'other.go'))),
    await copy((changed) => rename(join(changed, 'main.go'), join(changed, 'kind', 'main.go'))),
  ];
  expect(new Set(all).size).toBe(all.length);
});
