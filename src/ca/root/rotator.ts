// Carries a rotation through: looks every moment at what has been accepted, saves the next state, then puts it in force. In
// this order, so that whoever takes up the work after a crash finds at least what others may have seen. Of several replicas
// one does that; the others follow, and tell it what their own proxies have accepted.
import type { Attendant } from './attendance.ts';
import type { Clock } from '../clock.ts';
import type { LiveAuthority } from './live-authority.ts';
import type { OriginatedSigner, RotationState } from './root-rotation.ts';
import type { SavedAuthority } from '../store/authority-store.ts';
import { attendance } from './attendance.ts';
import { bridge } from '../authority.ts';
import { invariant } from '../../model/invariant.ts';
import { systemClock } from '../clock.ts';
import { advance, begin, isSameStep, stepName, withHandedOut, withOutstandingOf } from './root-rotation.ts';
import { rootSecret } from '../workload/secrets.ts';

/** A proxy, and the names of the secrets whose latest version it has not accepted. */
export interface TrustingProxy {
  readonly name: string;
  readonly unacceptedSecrets: readonly string[];
}

/** The other processes with this authority. Steps have names. */
export interface Replicas {
  /** It is here that rotations are carried through. */
  isLeading(): boolean;
  /** What this one waits for. */
  report(step: string, waiting: readonly string[]): void;
  /** What the others wait for; also those of whom it is not known yet. */
  waiting(step: string): readonly string[];
}

const alone: Replicas = { isLeading: () => true, report: () => {}, waiting: () => [] };

/** Milliseconds. */
export interface RotationPace {
  /** How often to look; while nothing is under way, a tenth as often. */
  readonly look: number;
  /** How long a stage lasts at least, and how long after a start nothing is concluded. */
  readonly patience: number;
  /** For how long a proxy that has gone is waited for. */
  readonly absence: number;
}

export const defaultPace: RotationPace = { look: 1000, patience: 30_000, absence: 5 * 60_000 };

export interface RotatorOptions {
  readonly authority: LiveAuthority;
  readonly trustDomain: string;
  readonly saved: Pick<SavedAuthority, 'since' | 'request'>;
  /** `known`: the state upon which it follows. */
  readonly save: (saved: SavedAuthority, known: RotationState) => Promise<void>;
  /** What is saved, which another replica may have replaced. */
  readonly load: () => Promise<SavedAuthority | undefined>;
  readonly replicas?: Replicas;
  readonly proxies: () => readonly TrustingProxy[];
  /** All certificates that we renew are of the signer in force. */
  readonly isReissued: () => boolean;
  readonly onStage: (state: RotationState) => void;
  readonly onFault: (error: unknown) => void;
  readonly pace?: RotationPace;
  readonly clock?: Clock;
}

export interface Rotator {
  readonly waiting: readonly string[];
  /** The last request that was taken up. */
  readonly request: string | undefined;
  /** False while another rotation is under way, or when the signer is in force already. `request`: of whom. */
  rotateTo(next: OriginatedSigner, request?: string): Promise<boolean>;
  /** A certificate of the signer in force was given to somebody who has the key, until then. */
  handedOut(until: number): Promise<void>;
  /** Takes up what another replica has saved. */
  refresh(): Promise<void>;
  stop(): void;
}

const hour = 3600_000;
const mostNamed = 20;

export function startRotator(options: RotatorOptions): Rotator {
  const rotator = new RunningRotator(options);
  rotator.look();
  return rotator;
}

class RunningRotator implements Rotator {
  readonly #options: RotatorOptions;
  readonly #clock: Clock;
  readonly #pace: RotationPace;
  readonly #replicas: Replicas;
  readonly #attendance: ReturnType<typeof attendance>;
  #since: number;
  #notBefore: number;
  #turn: Promise<unknown> = Promise.resolve();
  #cancel = (): void => {};
  #stopped = false;
  waiting: readonly string[] = [];
  request: string | undefined;

  constructor(options: RotatorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#pace = options.pace ?? defaultPace;
    this.#replicas = options.replicas ?? alone;
    this.#attendance = attendance(this.#pace.absence);
    this.#since = options.saved.since;
    this.#notBefore = this.#clock.now() + this.#pace.patience;
    this.request = options.saved.request;
  }

  look(): void {
    // Between rotations it is only to be known who is there.
    const isIdle = this.#options.authority.state.stage === 'settled';
    this.#cancel = this.#clock.after(this.#pace.look * (isIdle ? 10 : 1), () => {
      void this.#inTurn(() => this.#step())
        .catch((error: unknown) => this.#options.onFault(error))
        .finally(() => this.#stopped || this.look());
    });
  }

  rotateTo(next: OriginatedSigner, request?: string): Promise<boolean> {
    return this.#inTurn(async () => {
      const { state } = this.#options.authority;
      const following = this.#replicas.isLeading() ? begin(state, next, this.#bridgeTo(next)) : undefined;
      if (following === undefined) return false;
      await this.#enter(following, request);
      return true;
    });
  }

  handedOut(until: number): Promise<void> {
    const { authority } = this.#options;
    const { certificate, outstandingUntil } = authority.state.signer;
    if (outstandingUntil >= until) return Promise.resolve();
    return this.#inTurn(async () => {
      const { signer } = authority.state;
      if (signer.certificate === certificate && signer.outstandingUntil >= until) return;
      // Whoever signed it may be retiring by now.
      const noted = withHandedOut(authority.state, certificate, Math.ceil(until / hour) * hour);
      invariant(noted !== undefined, 'a certificate was signed by whom nobody trusts any more');
      await this.#save(noted);
      authority.replace(noted);
    });
  }

  refresh(): Promise<void> {
    return this.#inTurn(async () => {
      const saved = await this.#options.load();
      if (saved === undefined) return;
      const { authority } = this.#options;
      if (isSameStep(saved.state, authority.state)) {
        const noted = withOutstandingOf(authority.state, saved.state);
        if (JSON.stringify(noted) !== JSON.stringify(authority.state)) authority.replace(noted);
        return;
      }
      this.#since = saved.since;
      this.request = saved.request;
      authority.follow(saved.state);
      this.#begun(saved.state);
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  async #step(): Promise<void> {
    const { authority } = this.#options;
    const { state } = authority;
    const now = this.#clock.now();
    const missing = this.#attendance.missing(this.#attendants(state), now);
    const isReissued = this.#options.isReissued();
    const isDue = now >= this.#notBefore;
    const accepted = missing.length === 0 && isDue;
    const step = stepName(state);
    const hindrances = this.#hindrances(state, missing, isReissued, isDue);
    this.#replicas.report(step, hindrances);
    if (!this.#replicas.isLeading()) return;
    const elsewhere = state.stage === 'settled' ? [] : this.#replicas.waiting(step);
    const everywhere = accepted && elsewhere.length === 0;
    const following = advance(state, { rootsAccepted: everywhere, leafsAccepted: everywhere && isReissued, now });
    if (following !== state) return this.#enter(following);
    const waiting = [...(state.stage === 'settled' ? [] : hindrances), ...elsewhere, ...outstanding(state, now)];
    if (JSON.stringify(waiting) === JSON.stringify(this.waiting)) return;
    this.waiting = waiting;
    await this.#save(state);
  }

  #attendants(state: RotationState): readonly Attendant[] {
    return this.#options.proxies().map(({ name, unacceptedSecrets }) => ({
      name,
      accepted:
        state.stage === 'distributing' ? !unacceptedSecrets.includes(rootSecret) : unacceptedSecrets.length === 0,
    }));
  }

  /** What keeps this replica's own proxies from the next step. */
  #hindrances(
    state: RotationState,
    missing: readonly string[],
    isReissued: boolean,
    isDue: boolean,
  ): readonly string[] {
    return [
      ...named(missing),
      ...(isDue ? [] : ['proxies that may still come']),
      ...(state.stage === 'switching' && !isReissued ? ['certificates that are being signed'] : []),
    ];
  }

  #bridgeTo(next: OriginatedSigner): readonly string[] {
    const { authority, trustDomain } = this.#options;
    const { signer } = authority.state;
    return next.certificate === signer.certificate ? [] : bridge(signer, next, trustDomain, this.#clock.now());
  }

  async #enter(state: RotationState, request = this.request): Promise<void> {
    const before = this.#since;
    this.#since = this.#clock.now();
    this.waiting = [];
    await this.#save(state, request).catch((error: unknown) => {
      this.#since = before;
      throw error;
    });
    this.request = request;
    this.#options.authority.replace(state);
    this.#begun(state);
  }

  #begun(state: RotationState): void {
    this.waiting = [];
    this.#attendance.restart();
    this.#notBefore = this.#clock.now() + this.#pace.patience;
    this.#options.onStage(state);
  }

  #save(state: RotationState, request = this.request): Promise<void> {
    const { waiting } = this;
    const saved = { state, since: this.#since, waiting, ...(request !== undefined && { request }) };
    return this.#options.save(saved, this.#options.authority.state);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }
}

/** Whose bearers hold the keys, so that nobody here replaces them. */
function outstanding(state: RotationState, now: number): readonly string[] {
  const until = state.stage === 'switching' ? state.retiring.outstandingUntil : 0;
  return until > now ? [`certificates whose bearers have the keys, until ${new Date(until).toISOString()}`] : [];
}

const named = (missing: readonly string[]): readonly string[] =>
  missing.length <= mostNamed
    ? missing
    : [...missing.slice(0, mostNamed), `${missing.length - mostNamed} more proxies`];
