// Where an authority keeps what must outlive the process: its root, and the state of a rotation. A directory has one
// process; what a cluster keeps is shared by all replicas, one of which carries rotations through.
import type { KeyPair } from '../authority.ts';
import type { RotationState } from '../root/root-rotation.ts';
import type { Signer } from '../signer.ts';
import { X509Certificate } from 'node:crypto';
import { readSigner } from '../signer.ts';

/** What the daemon is at, for itself and for whoever looks. */
export interface SavedAuthority {
  readonly state: RotationState;
  /** Since when the stage lasts, in milliseconds since 1970. */
  readonly since: number;
  /** Who or what the stage waits for, in words. */
  readonly waiting: readonly string[];
  /** The last request for a rotation that was taken up. */
  readonly request?: string;
}

/** All of it throws a StorageError when what is there cannot be used, and the fault of the place itself. */
export interface AuthorityStore {
  /** Whoever uses it is told when others have changed something (`ResidentAuthority.refresh`), and need not look. */
  readonly isFollowed: boolean;
  /** Undefined if there was never a daemon. */
  load(): Promise<SavedAuthority | undefined>;
  /** Keeps the very first state. The result is in force: it may be that of a faster replica. */
  begin(saved: SavedAuthority): Promise<SavedAuthority>;
  /**
   * Follows upon the state `known`. What others have noted meanwhile of certificates that are out is kept; anything else
   * that they have changed is a StorageError.
   */
  save(saved: SavedAuthority, known: RotationState): Promise<void>;
  /** The root that we make, made with `create` if there is none. */
  ownRoot(create: () => Promise<KeyPair>, now: number): Promise<Signer>;
  /** It is the root in force. */
  keepRoot(signer: Signer): Promise<void>;
  /** Asks whoever carries rotations through for a new root. */
  requestRotation(): Promise<void>;
  /** The name of the request for a new root; undefined if there is none. */
  rotationRequest(): Promise<string | undefined>;
  forgetRequest(): Promise<void>;
}

/** The world's fault: something is there and cannot be used. Its message names the place and never the key. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
}

export const savedText = (saved: SavedAuthority): string => `${JSON.stringify(saved, undefined, 2)}\n`;

/** Throws a StorageError that names `place`. */
export function readSaved(place: string, text: string): SavedAuthority {
  try {
    const saved = JSON.parse(text) as SavedAuthority;
    const { state } = saved;
    const signers = state.stage === 'distributing' ? [state.signer, state.next] : [state.signer];
    const isWhole = ['settled', 'distributing', 'switching'].includes(state.stage) && signers.every(isUsable);
    if (isWhole && (state.stage !== 'switching' || Array.isArray(state.retiring.roots))) return saved;
  } catch {
    // Whatever is wrong with it, it may quote a key.
  }
  throw new StorageError(`${place} is damaged`);
}

/** Ended or not: a signer that has ended is for the daemon to tell of. */
function isUsable({ certificate, privateKey, intermediates, roots }: RotationState['signer']): boolean {
  const text = { certificate, privateKey, chain: intermediates.join(''), roots: roots.join('') };
  return 'signer' in readSigner(text, Date.parse(new X509Certificate(certificate).validFrom));
}

export const selfSigned = ({ certificate, privateKey }: KeyPair): Signer => ({
  certificate,
  privateKey,
  intermediates: [],
  roots: [certificate],
});
