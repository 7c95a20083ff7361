// The files of a directory of configuration: found, compared by their stat with what was read before, and read again
// where they differ. Symbolic links are followed, so a mounted ConfigMap works.
// https://kubernetes.io/docs/concepts/configuration/configmap/#mounted-configmaps-are-updated-automatically
import type { Stats } from 'node:fs';
import type { Problem } from '../../model/problem.ts';
import type { ConfigFile } from './config-file.ts';
import type { RuleContext } from '../rules/rule.ts';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { emptyFile, keepAll, largestFile, readConfig } from './config-file.ts';

export interface ScannedFile extends ConfigFile {
  /** Changes whenever the file may have. */
  readonly stamp: string;
}
export interface Scan {
  /** By path. */
  readonly files: ReadonlyMap<string, ScannedFile>;
  /** Where files may come, change and go. */
  readonly folders: readonly string[];
}
export const emptyScan: Scan = { files: new Map(), folders: [] };

const deepestFolder = 32;
const mostFiles = 10_000;
const graceMs = 1000;

/** What is below `roots` (directories and files) now. Files whose stat is as in `before` are not read again. */
export async function scan(roots: readonly string[], before = emptyScan, context?: RuleContext): Promise<Scan> {
  const files = new Map<string, ScannedFile>();
  const folders: string[] = [];
  for (const root of roots) {
    const listing = await list(root, before);
    folders.push(...listing.folders);
    for (const path of listing.paths) files.set(path, await readFile(path, before.files.get(path), context));
    if (listing.problems.length > 0) files.set(root, { ...emptyFile, stamp: '', problems: listing.problems });
  }
  return { files, folders };
}

/** Whether nothing was read anew: the same files, none of them read again. */
export const sameFiles = ({ files: a }: Scan, { files: b }: Scan): boolean =>
  a.size === b.size &&
  [...a].every(([path, file]) => file === b.get(path) || (file.stamp === '' && b.get(path)?.stamp === ''));

interface Listing {
  readonly paths: string[];
  readonly folders: string[];
  readonly problems: Problem[];
}

async function list(root: string, { files }: Scan): Promise<Listing> {
  const listing: Listing = { paths: [], folders: [], problems: [] };
  try {
    const status = await stat(root);
    if (status.isDirectory()) {
      await walk(root, listing, new Set(), 0);
    } else {
      listing.paths.push(root);
      listing.folders.push(dirname(root)); // replaced by renaming another over it: only its folder tells
    }
  } catch (error) {
    listing.problems.push(unreadable(root, error));
    listing.paths.push(...[...files.keys()].filter((path) => path !== root && path.startsWith(join(root, '/'))));
  }
  return listing;
}

async function walk(folder: string, listing: Listing, seen: Set<string>, depth: number): Promise<void> {
  const real = await realpath(folder);
  if (seen.has(real) || depth > deepestFolder) return;
  seen.add(real);
  listing.folders.push(folder);
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.')) continue; // editors' and version control's files, and `..data` of a mount
    const path = join(folder, entry.name);
    const isFolder = entry.isDirectory() || (entry.isSymbolicLink() && (await isDirectory(path)));
    if (isFolder) await walk(path, listing, seen, depth + 1);
    else if (/\.(ya?ml|json)$/.test(entry.name)) {
      if (listing.paths.length < mostFiles) listing.paths.push(path);
      else if (listing.problems.length === 0)
        listing.problems.push(
          fileProblem('too-many-files', folder, `more than ${mostFiles} files: the rest is not read`),
        );
    }
  }
}

const isDirectory = async (path: string): Promise<boolean> =>
  stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );

async function readFile(path: string, before: ScannedFile | undefined, context?: RuleContext): Promise<ScannedFile> {
  const keep = (problem: Problem, stamp: string): ScannedFile => ({ ...keepAll(before ?? emptyFile, problem), stamp });
  try {
    const status = await stat(path);
    const stamp = stampOf(status);
    if (before?.stamp === stamp) return before;
    if (status.size > largestFile) return keep(fileProblem('file-too-large', path, 'larger than 4 MiB'), stamp);
    const text = await readText(path, status.size);
    if (stampOf(await stat(path)) !== stamp || isBeingWritten(status, before))
      return keep(fileProblem('unfinished-file', path, 'is being written'), 'unfinished');
    return { ...readConfig(text, path, before, context), stamp };
  } catch (error) {
    return keep(unreadable(path, error), 'unreadable');
  }
}

/** An empty file, a moment after it had content: the first half of truncating and writing. */
const isBeingWritten = ({ size, mtimeMs }: Stats, before: ConfigFile | undefined): boolean =>
  size === 0 && (before?.objects.length ?? 0) > 0 && Date.now() - mtimeMs < graceMs;

/** At most `size` bytes, however the file grows meanwhile. */
async function readText(path: string, size: number): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

const stampOf = ({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string => [dev, ino, size, mtimeMs, ctimeMs].join(':');

const unreadable = (path: string, error: unknown): Problem =>
  fileProblem('unreadable-file', path, `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'})`);

const fileProblem = (code: string, file: string, message: string): Problem => ({
  code,
  severity: 'error',
  message: `${file}: ${message}`,
  position: { file },
});
