// The authority of a running daemon: opened from its directory or from the Secret that was plugged in, rotated when either
// is to change, watched for its end. Whatever is wrong with what is plugged in, what was in force stays in force.
import type { Problem } from '../../model/problem.ts';
import type { Expiry } from '../expiry.ts';
import type { KeyAlgorithm } from '../certificate/keys.ts';
import type { LiveAuthority } from './live-authority.ts';
import type { SecretObject } from './plugged.ts';
import type { Origin, OriginatedSigner, RotationState } from './root-rotation.ts';
import type { RotationPace, Rotator, TrustingProxy } from './rotator.ts';
import type { Signer } from '../signer.ts';
import type { Clock } from '../clock.ts';
import { createRoot } from '../authority.ts';
import { systemClock } from '../clock.ts';
import { expiry } from '../expiry.ts';
import { liveAuthority } from './live-authority.ts';
import { pluggedSigner } from './plugged.ts';
import { trustedRoots } from './root-rotation.ts';
import { startRotator } from './rotator.ts';
import {
  forgetRequest,
  loadAuthority,
  loadOrCreateRoot,
  rotationRequest,
  saveAuthority,
  saveRoot,
  StorageError,
} from '../storage.ts';

/** Of roots that we make. */
export const rootLifetime = 10 * 365 * 24 * 3600_000;

export interface ResidentOptions {
  readonly directory: string;
  readonly trustDomain: string;
  /** The Secret `cacerts`, if there is one. */
  readonly plugged: SecretObject | undefined;
  readonly rootKeys?: KeyAlgorithm;
  readonly workloadKeys?: KeyAlgorithm;
  readonly pace?: RotationPace;
  readonly clock?: Clock;
  readonly log: {
    readonly info: (message: string, fields?: object) => void;
    readonly warn: (message: string, fields?: object) => void;
    readonly error: (message: string, fields?: object) => void;
  };
  /** All that is wrong with the authority, whenever it has changed. */
  readonly onProblems: (problems: readonly Problem[]) => void;
}

/** What rotations need to know of the mesh. */
export interface Mesh {
  readonly proxies: () => readonly TrustingProxy[];
  readonly isReissued: () => boolean;
}

export interface AuthorityStatus {
  readonly stage: RotationState['stage'];
  readonly origin: Origin;
  readonly waiting: readonly string[];
  readonly signer: Expiry;
  readonly roots: readonly Expiry[];
}

const expiryInterval = 60_000;

/** Throws a StorageError when the directory, or at the very first start the Secret, cannot be used. */
export async function openResident(options: ResidentOptions): Promise<ResidentAuthority> {
  const { directory, plugged, clock = systemClock } = options;
  const saved = await loadAuthority(directory);
  if (saved !== undefined) {
    if (saved.state.stage === 'settled') await keepRoot(directory, saved.state);
    return new ResidentAuthority(options, saved.state, saved);
  }
  const signer = plugged === undefined ? await ownRoot(options) : pluggedRoot(plugged, clock.now());
  const state: RotationState = { stage: 'settled', signer, bridge: [] };
  const since = clock.now();
  await saveAuthority(directory, { state, since, waiting: [] });
  return new ResidentAuthority(options, state, { since });
}

export class ResidentAuthority {
  readonly authority: LiveAuthority;
  readonly #options: ResidentOptions;
  readonly #clock: Clock;
  readonly #saved: { readonly since: number; readonly request?: string };
  #rotator: Rotator | undefined;
  #plugged: SecretObject | undefined;
  #pluggedProblem: Problem | undefined;
  /** The Secret is not in force yet, and nothing is known against it. */
  #isPluggedDue = false;
  #problems: readonly Problem[] = [];
  #urgency = new Map<string, number>();
  #nextExpiry = 0;
  #cancel = (): void => {};

  constructor(
    options: ResidentOptions,
    state: RotationState,
    saved: { readonly since: number; readonly request?: string },
  ) {
    this.#options = options;
    this.#saved = saved;
    this.#clock = options.clock ?? systemClock;
    this.authority = liveAuthority(state, () => this.#clock.now(), options.workloadKeys);
  }

  /** From now on rotations proceed. */
  start(mesh: Mesh): void {
    const { directory, trustDomain, pace, log } = this.#options;
    this.#rotator = startRotator({
      authority: this.authority,
      trustDomain,
      saved: this.#saved,
      save: (saved) => saveAuthority(directory, saved),
      ...mesh,
      onStage: (state) => this.#entered(state),
      onFault: (error) => log.error('the rotation of the root does not proceed', { reason: String(error) }),
      ...(pace !== undefined && { pace }),
      clock: this.#clock,
    });
    this.plug(this.#options.plugged);
    this.#look();
  }

  /** The Secret is another one, or gone. */
  plug(secret: SecretObject | undefined): void {
    if (secret === this.#plugged) return;
    const isGone = secret === undefined;
    this.#plugged = secret;
    this.#pluggedProblem = undefined;
    this.#isPluggedDue = !isGone;
    if (isGone) this.#options.log.warn('the Secret cacerts is gone; its authority stays in force');
    else void this.#rotateToPlugged();
    this.#report();
  }

  /** A certificate left for somebody who has the key. */
  handedOut(until: number): Promise<void> {
    return this.#rotator?.handedOut(until) ?? Promise.resolve();
  }

  status(): AuthorityStatus {
    const { state } = this.authority;
    const now = this.#clock.now();
    return {
      stage: state.stage,
      origin: state.signer.origin,
      waiting: this.#rotator?.waiting ?? [],
      signer: expiry(state.signer.certificate, now),
      roots: trustedRoots(state).map((root) => expiry(root, now)),
    };
  }

  stop(): void {
    this.#cancel();
    this.#rotator?.stop();
  }

  #look(): void {
    this.#cancel = this.#clock.after(this.#options.pace?.look ?? 1000, () => {
      void this.#step()
        .catch((error: unknown) =>
          this.#options.log.error('the authority cannot be looked after', { reason: String(error) }),
        )
        .finally(() => this.#look());
    });
  }

  async #step(): Promise<void> {
    const { state } = this.authority;
    if (state.stage === 'settled') {
      if (this.#plugged === undefined) await this.#takeUpRequest();
      else if (this.#isPluggedDue) await this.#rotateToPlugged();
    }
    if (this.#clock.now() < this.#nextExpiry) return;
    this.#nextExpiry = this.#clock.now() + expiryInterval;
    // What is not valid yet will be.
    this.#isPluggedDue ||= this.#pluggedProblem !== undefined;
    this.#report();
  }

  async #takeUpRequest(): Promise<void> {
    const { directory, trustDomain, rootKeys } = this.#options;
    const request = await rotationRequest(directory);
    if (request === undefined) return;
    if (request !== this.#rotator?.request) {
      const root = await createRoot(trustDomain, this.#clock.now(), rootLifetime, rootKeys);
      if ((await this.#rotator?.rotateTo(originated(selfSigned(root), 'own'), request)) !== true) return;
    }
    await forgetRequest(directory);
  }

  async #rotateToPlugged(): Promise<void> {
    const secret = this.#plugged;
    if (secret === undefined) return;
    const read = pluggedSigner(secret, this.#clock.now());
    this.#pluggedProblem = 'problem' in read ? read.problem : undefined;
    this.#isPluggedDue = false;
    this.#report();
    if ('problem' in read) return;
    try {
      const isBegun = await this.#rotator?.rotateTo(originated(read.signer, 'plugged'));
      this.#isPluggedDue = isBegun !== true && this.authority.state.stage !== 'settled' && secret === this.#plugged;
    } catch (error) {
      this.#options.log.error('the authority cannot be replaced', { reason: String(error) });
    }
  }

  #entered(state: RotationState): void {
    const { log, directory } = this.#options;
    const { subject, notAfter } = expiry((state.stage === 'distributing' ? state.next : state.signer).certificate, 0);
    log.info(stageNews[state.stage], { authority: subject, until: new Date(notAfter).toISOString() });
    if (state.stage === 'settled')
      void keepRoot(directory, state).catch((error: unknown) => log.error('the root', { reason: String(error) }));
    this.#report();
  }

  #report(): void {
    const { state } = this.authority;
    const now = this.#clock.now();
    const ending = [...new Set([state.signer.certificate, ...state.signer.roots])].flatMap((pem) => {
      const found = expiry(pem, now);
      if (found.urgency > (this.#urgency.get(pem) ?? 0)) this.#warn(found);
      this.#urgency.set(pem, found.urgency);
      return found.urgency === 0 ? [] : [endingProblem(found)];
    });
    const problems = [...(this.#pluggedProblem === undefined ? [] : [this.#pluggedProblem]), ...ending];
    if (JSON.stringify(problems) === JSON.stringify(this.#problems)) return;
    this.#problems = problems;
    this.#options.onProblems(problems);
  }

  #warn({ subject, notAfter, left }: Expiry): void {
    const fields = { authority: subject, until: new Date(notAfter).toISOString(), left: `${Math.round(left * 100)}%` };
    this.#options.log.warn('an authority of this mesh ends: rotate it', fields);
  }
}

const stageNews = {
  distributing: 'a new root is given to all proxies',
  switching: 'the new authority signs; certificates are replaced',
  settled: 'the rotation of the root is complete',
} as const;

const endingProblem = ({ subject, notAfter }: Expiry): Problem => ({
  code: 'authority-ends',
  severity: 'warning',
  message: `the authority '${subject}' ends on ${new Date(notAfter).toISOString()}: rotate it before`,
});

const originated = (signer: Signer, origin: Origin): OriginatedSigner => ({ ...signer, origin, outstandingUntil: 0 });

const selfSigned = ({ certificate, privateKey }: { certificate: string; privateKey: string }): Signer => ({
  certificate,
  privateKey,
  intermediates: [],
  roots: [certificate],
});

async function ownRoot({ directory, trustDomain, rootKeys, clock = systemClock }: ResidentOptions) {
  const now = clock.now();
  const create = () => createRoot(trustDomain, now, rootLifetime, rootKeys);
  return originated(selfSigned(await loadOrCreateRoot(directory, create, now)), 'own');
}

function pluggedRoot(secret: SecretObject, now: number): OriginatedSigner {
  const read = pluggedSigner(secret, now);
  if ('signer' in read) return originated(read.signer, 'plugged');
  throw new StorageError(`the Secret ${secret.metadata.namespace}/${secret.metadata.name} ${read.problem.message}`);
}

/** `root.pem` is for those who come before the daemon has run: it is the root in force, if we made that. */
async function keepRoot(directory: string, { signer }: RotationState): Promise<void> {
  if (signer.origin === 'own') await saveRoot(directory, signer);
}
