// What the authority keeps in its directory. The root and the key of the tokens, each in a file that the first of several
// processes makes and the others find; and the state of a rotation, which the daemon replaces step by step. A file
// is written whole or not at all, and only its owner may read it.
import type { KeyPair } from '../authority.ts';
import type { AuthorityStore, SavedAuthority } from './authority-store.ts';
import { randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { pemBlocks } from '../certificate/pem.ts';
import { readSigner } from '../signer.ts';
import { readSaved, savedText, selfSigned, StorageError } from './authority-store.ts';

const rootFile = 'root.pem';
const tokenKeyFile = 'token-key';
const stateFile = 'authority.json';
const requestFile = 'rotation-request';

/** Of a daemon that has the directory for itself. */
export const directoryStore = (directory: string): AuthorityStore => ({
  isFollowed: false,
  load: () => loadAuthority(directory),
  begin: async (saved) => (await saveAuthority(directory, saved), saved),
  save: (saved) => saveAuthority(directory, saved),
  ownRoot: async (create, now) => selfSigned(await loadOrCreateRoot(directory, create, now)),
  keepRoot: (signer) => saveRoot(directory, signer),
  requestRotation: () => requestRotation(directory),
  rotationRequest: () => rotationRequest(directory),
  forgetRequest: () => rm(path.join(directory, requestFile), { force: true }),
});

/** The root in `directory`; made with `create` and kept there if there is none. Throws a StorageError. */
export async function loadOrCreateRoot(
  directory: string,
  create: () => Promise<KeyPair>,
  now: number,
): Promise<KeyPair> {
  const file = path.join(directory, rootFile);
  const made = async (): Promise<string> => rootText(await create());
  return readRoot(file, await loadOrCreate(file, made), now);
}

/** What the tokens of this directory's workloads are authenticated with. */
export function loadOrCreateTokenKey(directory: string): Promise<string> {
  return loadOrCreate(path.join(directory, tokenKeyFile), () => Promise.resolve(randomBytes(32).toString('base64')));
}

function saveRoot(directory: string, root: KeyPair): Promise<void> {
  return replace(path.join(directory, rootFile), rootText(root));
}

/** Undefined if there was never a daemon. Throws a StorageError. */
export async function loadAuthority(directory: string): Promise<SavedAuthority | undefined> {
  const file = path.join(directory, stateFile);
  const text = await load(file);
  if (text === undefined) return undefined;
  return readSaved(file, text);
}

export function saveAuthority(directory: string, saved: SavedAuthority): Promise<void> {
  return replace(path.join(directory, stateFile), savedText(saved));
}

/** Asks the daemon of this directory for a new root. */
export function requestRotation(directory: string): Promise<void> {
  return replace(path.join(directory, requestFile), randomUUID());
}

/** The request's own name; undefined if there is none. */
export async function rotationRequest(directory: string): Promise<string | undefined> {
  return (await load(path.join(directory, requestFile)))?.slice(0, 100);
}

const rootText = ({ certificate, privateKey }: KeyPair): string => `${certificate.trim()}\n${privateKey.trim()}\n`;

function readRoot(file: string, text: string, now: number): KeyPair {
  const [certificate] = pemBlocks(text, 'CERTIFICATE');
  const [privateKey] = pemBlocks(text, 'PRIVATE KEY');
  if (certificate === undefined) throw new StorageError(`${file} holds no certificate`);
  if (privateKey === undefined) throw new StorageError(`${file} holds no private key`);
  const read = readSigner({ certificate, privateKey }, now);
  if ('complaint' in read) throw new StorageError(`${file}: ${read.complaint}`);
  return { certificate, privateKey };
}

async function loadOrCreate(file: string, create: () => Promise<string>): Promise<string> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const text = (await load(file)) ?? (await keep(file, await create())) ?? (await load(file));
  if (text === undefined) throw new StorageError(`${file} came and went`);
  return text;
}

/** Undefined if there is none. */
async function load(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isError(error, 'ENOENT')) return undefined;
    throw new StorageError(`${file} cannot be read`, { cause: error });
  }
}

/** Undefined if somebody else was first. */
async function keep(file: string, text: string): Promise<string | undefined> {
  try {
    await written(file, text, (draft) => link(draft, file));
    return text;
  } catch (error) {
    if (isError(error, 'EEXIST')) return undefined;
    throw new StorageError(`${file} cannot be written`, { cause: error });
  }
}

async function replace(file: string, text: string): Promise<void> {
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    await written(file, text, (draft) => rename(draft, file));
  } catch (error) {
    throw new StorageError(`${file} cannot be written`, { cause: error });
  }
}

async function written(file: string, text: string, place: (draft: string) => Promise<void>): Promise<void> {
  const draft = `${file}.${randomUUID()}`;
  try {
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await place(draft);
  } finally {
    await rm(draft, { force: true });
  }
}

const isError = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;
