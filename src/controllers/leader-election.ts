// Which of several replicas writes: the one that holds a Lease. It renews the Lease long before it ends, and whoever could
// not renew it in time stops before anybody else may begin.
// https://kubernetes.io/docs/concepts/architecture/leases/#leader-election
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { KubernetesObject, ObjectRef } from '../kubernetes/resource.ts';
import { isAlreadyExists, isApiError, isConflict, isNotFound } from '../kubernetes/api-error.ts';
import { pause } from '../kubernetes/pace.ts';
import { leases } from './resources.ts';

export interface ElectionOptions {
  readonly client: Pick<KubernetesClient, 'get' | 'create' | 'update'>;
  readonly lease: Required<ObjectRef>;
  /** Of this process, and of no other there ever was. */
  readonly identity: string;
  readonly signal: AbortSignal;
  /** Why the Lease may be taken from its holder, though it does not expire; undefined if it may not. */
  readonly precedence?: (holder: string) => Precedence | undefined;
  /** The Lease is ours, until `signal` aborts: then nothing may be written any more. */
  readonly onElected: (signal: AbortSignal) => void;
  /** Why the Lease could not be looked at; tried again. */
  readonly onFault: (error: unknown) => void;
  readonly pace?: Partial<ElectionPace>;
}

/** `ended`: who had it is known to lead no more; `lower`: somebody else should have it, and it has yet to notice. */
export type Precedence = 'ended' | 'lower';

export interface ElectionPace {
  /** How long others wait for a leader that does not renew; whole seconds. */
  readonly durationSeconds: number;
  /** How long the leader goes on without having renewed, in milliseconds: clearly less. */
  readonly patienceMs: number;
  /** Between attempts, in milliseconds; who has just renewed waits twice as long. */
  readonly retryMs: number;
}

const defaultPace: ElectionPace = { durationSeconds: 15, patienceMs: 10_000, retryMs: 2000 };

interface LeaseSpec {
  readonly holderIdentity?: string | null;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

interface Lease extends KubernetesObject {
  readonly spec: LeaseSpec;
}

/** Until `signal` aborts; then the Lease is given back and the promise resolves. */
export function takePartInElection(options: ElectionOptions): Promise<void> {
  return new Candidate(options).run();
}

class Candidate {
  readonly #options: ElectionOptions;
  readonly #pace: ElectionPace;
  /** The Lease as it was last seen to be another, and when that was, by our own clock: other clocks do not count. */
  #seen = { version: '', at: 0 };
  #term: AbortController | undefined;
  /** As far as the last attempt told. */
  #isOurs = false;
  /** Ours, as the server has it since we renewed it last: it need not be looked at before it is renewed again. */
  #held: Lease | undefined;
  /** Until then who had it before may still act. */
  #quietUntil = 0;
  #expiry: NodeJS.Timeout | undefined;

  constructor(options: ElectionOptions) {
    this.#options = options;
    this.#pace = { ...defaultPace, ...options.pace };
  }

  async run(): Promise<void> {
    const { signal, onFault } = this.#options;
    while (!signal.aborted) {
      const asked = performance.now();
      let isRenewed = false;
      // An attempt that takes longer than the leader may go on without is none.
      const inTime = AbortSignal.any([signal, AbortSignal.timeout(this.#pace.patienceMs)]);
      try {
        this.#isOurs = await this.#hold(inTime);
        isRenewed = this.#isOurs;
        if (isRenewed) this.#renewed(asked);
        else this.#end();
      } catch (error) {
        if (!isApiError(error)) throw error;
        if (!signal.aborted && !isConflict(error)) onFault(error);
      }
      const retryMs = this.#pace.retryMs * (isRenewed ? 2 : 1);
      await pause(retryMs * (0.8 + Math.random() * 0.4), signal);
    }
    this.#end();
    if (this.#isOurs) await this.#release().catch(onFault);
  }

  /** Whether it is ours after the attempt to take or to renew it. */
  async #hold(signal: AbortSignal): Promise<boolean> {
    const { client, lease, identity, precedence } = this.#options;
    const held = this.#held;
    this.#held = undefined;
    const found = held ?? (await client.get<Lease>(leases, lease, signal).catch(absent));
    if (found === undefined) return this.#create(signal);
    const { holderIdentity } = found.spec;
    const isNew = holderIdentity !== identity;
    const isHeld = isNew && !this.#isVacant(found);
    const reason = isHeld ? precedence?.(holderIdentity ?? '') : undefined;
    if (isHeld && reason === undefined) return false;
    const now = microTime();
    const spec: LeaseSpec = {
      ...found.spec,
      holderIdentity: identity,
      leaseDurationSeconds: this.#pace.durationSeconds,
      renewTime: now,
      ...(isNew && { acquireTime: now, leaseTransitions: (found.spec.leaseTransitions ?? 0) + 1 }),
    };
    this.#held = await client.update<Lease>(leases, { ...found, spec }, { signal });
    if (reason === 'lower') this.#quietUntil = performance.now() + this.#pace.patienceMs;
    return true;
  }

  async #create(signal: AbortSignal): Promise<boolean> {
    const { client, lease, identity } = this.#options;
    const now = microTime();
    const spec = {
      holderIdentity: identity,
      leaseDurationSeconds: this.#pace.durationSeconds,
      acquireTime: now,
      renewTime: now,
      leaseTransitions: 0,
    };
    const object = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: lease, spec };
    const created = await client.create<Lease>(leases, object, { signal }).catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error;
    });
    return created !== undefined;
  }

  #isVacant({ metadata: { resourceVersion = '' }, spec }: Lease): boolean {
    if (!spec.holderIdentity) return true;
    const now = performance.now();
    if (this.#seen.version !== resourceVersion) this.#seen = { version: resourceVersion, at: now };
    return now - this.#seen.at >= (spec.leaseDurationSeconds ?? this.#pace.durationSeconds) * 1000;
  }

  /** `asked`: when; what the server noted is later than that. */
  #renewed(asked: number): void {
    clearTimeout(this.#expiry);
    const left = this.#pace.patienceMs - (performance.now() - asked);
    if (left <= 0) return this.#end();
    this.#expiry = setTimeout(() => this.#end(), left);
    if (this.#term !== undefined || performance.now() < this.#quietUntil) return;
    this.#term = new AbortController();
    this.#options.onElected(this.#term.signal);
  }

  #end(): void {
    clearTimeout(this.#expiry);
    this.#term?.abort();
    this.#term = undefined;
  }

  /** So that the next leader need not wait. */
  async #release(): Promise<void> {
    const { client, lease, identity } = this.#options;
    const found = await client.get<Lease>(leases, lease).catch(absent);
    if (found?.spec.holderIdentity !== identity) return;
    const spec = { ...found.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime() };
    await client.update(leases, { ...found, spec });
  }
}

const absent = (error: unknown): undefined => {
  if (!isNotFound(error)) throw error;
};

/** Kubernetes' MicroTime has six digits. */
export const microTime = (now = Date.now()): string => new Date(now).toISOString().replace('Z', '000Z');
