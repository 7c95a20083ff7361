// The authority of a running daemon: opened from its directory or from the Secret that was plugged in, rotated when either
// is to change, watched for its end. Whatever is wrong with what is plugged in, what was in force stays in force.
import type { Problem } from '../../model/problem.ts';
import type { AuthorityNews } from './authority-news.ts';
import type { Expiry } from './expiry.ts';
import type { KeyAlgorithm } from '../certificate/keys.ts';
import type { LiveAuthority } from './live-authority.ts';
import type { SecretObject } from './plugged.ts';
import type { Origin, OriginatedSigner, RotationState } from './root-rotation.ts';
import type { Replicas, RotationPace, Rotator, TrustingProxy } from './rotator.ts';
import type { Signer } from '../signer.ts';
import type { Clock } from '../clock.ts';
import { endingProblem, problemNews, stageNews } from './authority-news.ts';
import { createRoot } from '../authority.ts';
import { systemClock } from '../clock.ts';
import { expiry } from './expiry.ts';
import { liveAuthority } from './live-authority.ts';
import { pluggedSigner } from './plugged.ts';
import { trustedRoots } from './root-rotation.ts';
import { startRotator } from './rotator.ts';
import type { AuthorityStore } from '../store/authority-store.ts';
import { selfSigned, StorageError } from '../store/authority-store.ts';

/** Of roots that we make. */
export const rootLifetime = 10 * 365 * 24 * 3600_000;

export interface ResidentOptions {
  readonly store: AuthorityStore;
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
  /** Absent where this is the only process. */
  readonly replicas?: Replicas;
}

export interface AuthorityStatus {
  readonly stage: RotationState['stage'];
  readonly origin: Origin;
  readonly waiting: readonly string[];
  readonly signer: Expiry;
  readonly roots: readonly Expiry[];
}

const expiryInterval = 60_000;

/** Throws a StorageError when the store, or at the very first start the Secret, cannot be used. */
export async function openResident(options: ResidentOptions): Promise<ResidentAuthority> {
  const { store, plugged, clock = systemClock } = options;
  const saved = await store.load();
  if (saved !== undefined) {
    if (saved.state.stage === 'settled') await keepRoot(store, saved.state);
    return new ResidentAuthority(options, saved.state, saved);
  }
  const signer = plugged === undefined ? await ownRoot(options) : pluggedRoot(plugged, clock.now());
  const since = clock.now();
  const begun = await store.begin({ state: { stage: 'settled', signer, bridge: [] }, since, waiting: [] });
  return new ResidentAuthority(options, begun.state, begun);
}

export class ResidentAuthority {
  readonly authority: LiveAuthority;
  /** Told what is new. */
  onNews: (news: AuthorityNews) => void = () => {};
  readonly #options: ResidentOptions;
  readonly #clock: Clock;
  #isLeading = (): boolean => true;
  readonly #saved: { readonly since: number; readonly request?: string };
  #rotator: Rotator | undefined;
  #plugged: SecretObject | undefined;
  #pluggedProblem: Problem | undefined;
  /** The Secret is not in force yet, and nothing is known against it. */
  #isPluggedDue = false;
  /** Somebody may have asked for another root. */
  #isRequestDue = true;
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
    const { store, trustDomain, pace, log } = this.#options;
    const { replicas } = mesh;
    if (replicas !== undefined) this.#isLeading = () => replicas.isLeading();
    this.#rotator = startRotator({
      authority: this.authority,
      trustDomain,
      saved: this.#saved,
      load: () => store.load(),
      save: (saved, known) => store.save(saved, known),
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

  /** Another replica may have carried the rotation on, or somebody has asked for one. */
  refresh(): Promise<void> {
    this.#isRequestDue = true;
    return this.#rotator?.refresh() ?? Promise.resolve();
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

  /** All that is to be heard of now. */
  news(): readonly AuthorityNews[] {
    const { state } = this.authority;
    return [...(state.stage === 'settled' ? [] : [stageNews(state)]), ...this.#problems.map(problemNews)];
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
    if (state.stage === 'settled' && this.#isLeading()) {
      if (this.#plugged === undefined) await this.#lookForRequest();
      else if (this.#isPluggedDue) await this.#rotateToPlugged();
    }
    if (this.#clock.now() < this.#nextExpiry) return;
    this.#nextExpiry = this.#clock.now() + expiryInterval;
    // What is not valid yet will be.
    this.#isPluggedDue ||= this.#pluggedProblem !== undefined;
    this.#isRequestDue = true;
    this.#report();
  }

  async #lookForRequest(): Promise<void> {
    if (!this.#isRequestDue) return;
    let isTakenUp = false;
    this.#isRequestDue = !this.#options.store.isFollowed;
    try {
      isTakenUp = await this.#takeUpRequest();
    } finally {
      this.#isRequestDue ||= !isTakenUp;
    }
  }

  /** False if there is one that could not be taken up now. */
  async #takeUpRequest(): Promise<boolean> {
    const { store, trustDomain, rootKeys } = this.#options;
    const request = await store.rotationRequest();
    if (request === undefined) return true;
    if (request !== this.#rotator?.request) {
      const root = await createRoot(trustDomain, this.#clock.now(), rootLifetime, rootKeys);
      if ((await this.#rotator?.rotateTo(originated(selfSigned(root), 'own'), request)) !== true) return false;
    }
    await store.forgetRequest();
    return true;
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
      const isBusy = !this.#isLeading() || this.authority.state.stage !== 'settled';
      this.#isPluggedDue = isBegun !== true && isBusy && secret === this.#plugged;
    } catch (error) {
      this.#options.log.error('the authority cannot be replaced', { reason: String(error) });
    }
  }

  #entered(state: RotationState): void {
    const { log, store } = this.#options;
    const news = stageNews(state);
    log.info(news.message, { authority: news.authority, until: news.until });
    this.onNews(news);
    if (state.stage === 'settled' && this.#isLeading())
      void keepRoot(store, state).catch((error: unknown) => log.error('the root', { reason: String(error) }));
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
    const isNew = ({ message }: Problem): boolean => this.#problems.every((known) => known.message !== message);
    const added = problems.filter(isNew);
    this.#problems = problems;
    this.#options.onProblems(problems);
    for (const problem of added) this.onNews(problemNews(problem));
  }

  #warn({ subject, notAfter, left }: Expiry): void {
    const fields = { authority: subject, until: new Date(notAfter).toISOString(), left: `${Math.round(left * 100)}%` };
    this.#options.log.warn('an authority of this mesh ends: rotate it', fields);
  }
}

const originated = (signer: Signer, origin: Origin): OriginatedSigner => ({ ...signer, origin, outstandingUntil: 0 });

async function ownRoot({ store, trustDomain, rootKeys, clock = systemClock }: ResidentOptions) {
  const now = clock.now();
  const create = () => createRoot(trustDomain, now, rootLifetime, rootKeys);
  return originated(await store.ownRoot(create, now), 'own');
}

function pluggedRoot(secret: SecretObject, now: number): OriginatedSigner {
  const read = pluggedSigner(secret, now);
  if ('signer' in read) return originated(read.signer, 'plugged');
  throw new StorageError(`the Secret ${secret.metadata.namespace}/${secret.metadata.name} ${read.problem.message}`);
}

/** The root alone is for those who come before the daemon has run: it is the one in force, if we made that. */
async function keepRoot(store: AuthorityStore, { signer }: RotationState): Promise<void> {
  if (signer.origin === 'own') await store.keepRoot(signer);
}
