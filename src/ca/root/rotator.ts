// Carries a rotation through: looks every moment at what has been accepted, saves the next state, then puts it in force. In
// this order, so that whoever takes up the work after a crash finds at least what others may have seen.
import type { Attendant } from './attendance.ts';
import type { Clock } from '../clock.ts';
import type { LiveAuthority } from './live-authority.ts';
import type { OriginatedSigner, RotationState } from './root-rotation.ts';
import type { SavedAuthority } from '../storage.ts';
import { attendance } from './attendance.ts';
import { bridge } from '../authority.ts';
import { systemClock } from '../clock.ts';
import { advance, begin } from './root-rotation.ts';
import { rootSecret } from '../secrets.ts';

/** A proxy, and the names of the secrets whose latest version it has not accepted. */
export interface TrustingProxy {
  readonly name: string;
  readonly unacceptedSecrets: readonly string[];
}

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
  readonly save: (saved: SavedAuthority) => Promise<void>;
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
      const following = begin(state, next, this.#bridgeTo(next));
      if (following === undefined) return false;
      await this.#enter(following, request);
      return true;
    });
  }

  handedOut(until: number): Promise<void> {
    if (this.#options.authority.state.signer.outstandingUntil >= until) return Promise.resolve();
    return this.#inTurn(async () => {
      const { state } = this.#options.authority;
      const outstandingUntil = Math.ceil(until / hour) * hour;
      if (state.signer.outstandingUntil >= until) return;
      const noted = { ...state, signer: { ...state.signer, outstandingUntil } };
      await this.#save(noted);
      this.#options.authority.replace(noted);
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
    const following = advance(state, { rootsAccepted: accepted, leafsAccepted: accepted && isReissued, now });
    if (following !== state) return this.#enter(following);
    const waiting =
      state.stage === 'settled' ? [] : [...named(missing), ...this.#reasons(state, isReissued, isDue, now)];
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

  #reasons(state: RotationState, isReissued: boolean, isDue: boolean, now: number): readonly string[] {
    const isSwitching = state.stage === 'switching';
    const until = isSwitching ? state.retiring.outstandingUntil : 0;
    return [
      ...(isDue ? [] : ['proxies that may still come']),
      ...(isSwitching && !isReissued ? ['certificates that are being signed'] : []),
      ...(until > now ? [`certificates whose bearers have the keys, until ${new Date(until).toISOString()}`] : []),
    ];
  }

  #bridgeTo(next: OriginatedSigner): readonly string[] {
    const { authority, trustDomain } = this.#options;
    const { signer } = authority.state;
    return next.certificate === signer.certificate ? [] : bridge(signer, next, trustDomain, this.#clock.now());
  }

  async #enter(state: RotationState, request = this.request): Promise<void> {
    this.#since = this.#clock.now();
    this.waiting = [];
    await this.#save(state, request);
    this.request = request;
    this.#options.authority.replace(state);
    this.#attendance.restart();
    this.#notBefore = this.#clock.now() + this.#pace.patience;
    this.#options.onStage(state);
  }

  #save(state: RotationState, request = this.request): Promise<void> {
    const { waiting } = this;
    return this.#options.save({ state, since: this.#since, waiting, ...(request !== undefined && { request }) });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }
}

const named = (missing: readonly string[]): readonly string[] =>
  missing.length <= mostNamed
    ? missing
    : [...missing.slice(0, mostNamed), `${missing.length - mostNamed} more proxies`];
