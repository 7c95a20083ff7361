// The root on disk: certificate and key in one file, so that nobody ever sees one without the other. The first of
// several processes makes it, the others find it.
import type { KeyPair } from './authority.ts';
import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import path from 'node:path';

const fileName = 'root.pem';

/** The world's fault: the root is there and cannot be used. Its message names the file and never the key. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
}

/** The root in `directory`; made with `create` and kept there if there is none. Throws a StorageError. */
export async function loadOrCreateRoot(
  directory: string,
  create: () => Promise<KeyPair>,
  now: number,
): Promise<KeyPair> {
  const file = path.join(directory, fileName);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return (await load(file, now)) ?? (await keep(file, await create())) ?? (await mustLoad(file, now));
}

/** Undefined if there is none. */
async function load(file: string, now: number): Promise<KeyPair | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isError(error, 'ENOENT')) return undefined;
    throw new StorageError(`${file} cannot be read`, { cause: error });
  }
  const certificate = block(text, 'CERTIFICATE');
  const privateKey = block(text, 'PRIVATE KEY');
  if (certificate === undefined) throw new StorageError(`${file} holds no certificate`);
  if (privateKey === undefined) throw new StorageError(`${file} holds no private key`);
  const complaint = fault(certificate, privateKey, now);
  if (complaint !== undefined) throw new StorageError(`${file}: ${complaint}`);
  return { certificate, privateKey };
}

async function mustLoad(file: string, now: number): Promise<KeyPair> {
  const root = await load(file, now);
  if (root === undefined) throw new StorageError(`${file} came and went`);
  return root;
}

/** Writes it all or nothing. Undefined if somebody else was first. */
async function keep(file: string, root: KeyPair): Promise<KeyPair | undefined> {
  const draft = `${file}.${randomUUID()}`;
  try {
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(`${root.certificate.trim()}\n${root.privateKey.trim()}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(draft, file);
    return root;
  } catch (error) {
    if (isError(error, 'EEXIST')) return undefined;
    throw new StorageError(`${file} cannot be written`, { cause: error });
  } finally {
    await rm(draft, { force: true });
  }
}

function fault(certificate: string, privateKey: string, now: number): string | undefined {
  try {
    const parsed = new X509Certificate(certificate);
    if (!parsed.ca) return 'the certificate is not one of an authority';
    if (Date.parse(parsed.validTo) <= now) return `the certificate expired on ${parsed.validTo}`;
    if (!parsed.checkPrivateKey(createPrivateKey(privateKey))) return 'the private key is not the certificate’s';
    return undefined;
  } catch {
    return 'the certificate or the private key is damaged';
  }
}

/** The first PEM block of this label. */
function block(text: string, label: string): string | undefined {
  const [begin, end] = [`-----BEGIN ${label}-----`, `-----END ${label}-----`];
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  return from < 0 || to < 0 ? undefined : `${text.slice(from, to)}${end}\n`;
}

const isError = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;
