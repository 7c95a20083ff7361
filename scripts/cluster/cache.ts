// Where things that take long to make are kept, each under a name that says what it was made of.
import { createHash } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';

export const cacheDirectory = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'keelson', 'cluster');

/**
 * The path of `name` in the cache. When it is not there, `make` is given a path to write it to; what is half made is never
 * found under the name.
 */
export async function cached(name: string, make: (path: string) => Promise<void>): Promise<string> {
  const path = join(cacheDirectory, name);
  if (await exists(path)) return path;
  await mkdir(cacheDirectory, { recursive: true });
  const scratch = join(cacheDirectory, `.${process.pid}-${name}`);
  try {
    await make(scratch);
    await rename(scratch, path);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return path;
}

/** The path of `name`, if it is in the cache. */
export async function cachedPath(name: string): Promise<string | undefined> {
  const path = join(cacheDirectory, name);
  return (await exists(path)) ? path : undefined;
}

export const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * Twelve letters that stand for these texts and the content of these files and directories, wherever they are: another
 * copy of the same sources has the same.
 */
export async function fingerprint(texts: readonly string[], paths: readonly string[] = []): Promise<string> {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text).update('\0');
  for (const path of paths)
    for (const file of await filesBelow(path))
      hash.update(`${relative(dirname(path), file)}\0`).update(
        createHash('sha256')
          .update(await readFile(file))
          .digest(),
      );
  return hash.digest('hex').slice(0, 12);
}

async function filesBelow(path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { withFileTypes: true, recursive: true }).catch(() => undefined);
  if (entries === undefined) return [path];
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}
