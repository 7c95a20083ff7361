// The authority of all replicas: the root in one shared record, with the names that Istio gives to its parts, and the state
// of a rotation in another. Whoever is first makes them, and everybody else finds them.
// https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/
import type { SharedRecord } from '../../model/shared-record.ts';
import type { KeyPair } from '../authority.ts';
import type { RotationState } from '../root/root-rotation.ts';
import type { Signer } from '../signer.ts';
import type { AuthorityStore, SavedAuthority } from './authority-store.ts';
import { randomUUID } from 'node:crypto';
import { isSameStep, withOutstandingOf } from '../root/root-rotation.ts';
import { readSigner } from '../signer.ts';
import { readSaved, savedText, StorageError } from './authority-store.ts';

export interface SharedRecords {
  readonly root: SharedRecord;
  readonly state: SharedRecord;
}

const statePart = 'authority.json';
const requestPart = 'rotation-request';
/** How often somebody else may be faster. */
const attempts = 8;

export function sharedStore(records: SharedRecords): AuthorityStore {
  const { state: record } = records;
  const load = async (): Promise<SavedAuthority | undefined> => {
    const text = (await record.read())?.parts[statePart];
    return text === undefined ? undefined : readSaved(record.place, text);
  };
  return {
    isFollowed: true,
    load,
    async begin(saved) {
      if (await record.create({ [statePart]: savedText(saved) })) return saved;
      const stored = await load();
      if (stored !== undefined) return stored;
      await save(record, saved, saved.state);
      return saved;
    },
    save: (saved, known) => save(record, saved, known),
    ownRoot: (create, now) => ownRoot(records.root, create, now),
    keepRoot: (signer) => keepRoot(records.root, signer),
    requestRotation: () => requestRotation(record),
    rotationRequest: async () => (await record.read())?.parts[requestPart]?.slice(0, 100) || undefined,
    async forgetRequest() {
      const content = await record.read();
      if (content?.parts[requestPart]) await record.replace({ [requestPart]: '' }, content.version);
    },
  };
}

/** Each request has a name of its own. */
async function requestRotation(record: SharedRecord): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const content = await record.read();
    if (content === undefined) throw new StorageError(`${record.place}: no daemon has been at work here`);
    if (await record.replace({ [requestPart]: randomUUID() }, content.version)) return;
  }
  throw new StorageError(`${record.place} changes faster than it can be written`);
}

async function save(record: SharedRecord, saved: SavedAuthority, known: RotationState): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const content = await record.read();
    const text = content?.parts[statePart];
    const stored = text === undefined ? undefined : readSaved(record.place, text);
    if (stored !== undefined && !isSameStep(stored.state, known))
      throw new StorageError(`${record.place}: another replica is a step further`);
    const next = stored === undefined ? saved : { ...saved, state: withOutstandingOf(saved.state, stored.state) };
    const parts = { [statePart]: savedText(next) };
    if (content === undefined ? await record.create(parts) : await record.replace(parts, content.version)) return;
  }
  throw new StorageError(`${record.place} changes faster than it can be written`);
}

async function ownRoot(record: SharedRecord, create: () => Promise<KeyPair>, now: number): Promise<Signer> {
  const found = (await record.read())?.parts ?? {};
  if (found['ca-key.pem']) return readRoot(record.place, found, now);
  const { certificate, privateKey } = await create();
  await place(record, rootParts({ certificate, privateKey, intermediates: [], roots: [certificate] }));
  return readRoot(record.place, (await record.read())?.parts ?? {}, now);
}

/** Creates it, or fills one that is empty: Istio's own has been seen that way. */
async function place(record: SharedRecord, parts: Readonly<Record<string, string>>): Promise<void> {
  if (await record.create(parts)) return;
  const content = await record.read();
  if (content !== undefined && !content.parts['ca-key.pem']) await record.replace(parts, content.version);
}

function readRoot(where: string, parts: Readonly<Record<string, string>>, now: number): Signer {
  const read = readSigner(
    {
      certificate: parts['ca-cert.pem'] ?? '',
      privateKey: parts['ca-key.pem'] ?? '',
      ...(parts['cert-chain.pem'] && { chain: parts['cert-chain.pem'] }),
      ...(parts['root-cert.pem'] && { roots: parts['root-cert.pem'] }),
    },
    now,
  );
  if ('signer' in read) return read.signer;
  throw new StorageError(`${where}: ${read.complaint}`);
}

async function keepRoot(record: SharedRecord, signer: Signer): Promise<void> {
  const parts = rootParts(signer);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const content = await record.read();
    if (content !== undefined && Object.entries(parts).every(([name, text]) => (content.parts[name] ?? '') === text))
      return;
    if (content === undefined ? await record.create(parts) : await record.replace(parts, content.version)) return;
  }
  throw new StorageError(`${record.place} changes faster than it can be written`);
}

/** All that Istio's own has, so that it could take over. */
const rootParts = ({ certificate, privateKey, intermediates, roots }: Signer): Readonly<Record<string, string>> => ({
  'ca-cert.pem': certificate,
  'ca-key.pem': privateKey,
  'cert-chain.pem': intermediates.join(''),
  'key.pem': '',
  'root-cert.pem': roots.join(''),
});
