// What the replicas tell each other: each has a Lease of its own that says where it is reached, and for which step of a
// rotation it waits for what. Whoever gave its Lease back is gone; whoever only stopped renewing it may still have proxies, and is waited for.
// https://kubernetes.io/docs/concepts/architecture/leases/#custom-workload
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { KubernetesObject } from '../kubernetes/resource.ts';
import { isNotFound } from '../kubernetes/api-error.ts';
import { pause } from '../kubernetes/pace.ts';
import { reflect } from '../kubernetes/reflector.ts';
import { microTime } from './leader-election.ts';
import { fieldManager, leases } from './resources.ts';

export interface ReplicaLeasesOptions {
  readonly client: Pick<KubernetesClient, 'list' | 'watch' | 'patch' | 'delete'>;
  readonly namespace: string;
  /** Of this replica: its Pod's name. */
  readonly name: string;
  readonly revision: string;
  /** Where others reach this one, `host:port`, once that is known. */
  readonly address: () => string | undefined;
  readonly signal: AbortSignal;
  readonly onFault: (error: unknown) => void;
  readonly pace?: Partial<ReplicaPace>;
}

/** Milliseconds. */
export interface ReplicaPace {
  /** How often the Lease is renewed. */
  readonly renewMs: number;
  /** For how long a replica is waited for that does not renew any more. */
  readonly absenceMs: number;
}

export interface ReplicaLeases {
  report(step: string, waiting: readonly string[]): void;
  waiting(step: string): readonly string[];
  /** The others that are alive, by their names. */
  peers(): ReadonlyMap<string, PeerReplica>;
  /** The others have been listed. */
  isKnown(): boolean;
  /** Resolves after `signal`, when the Lease is given back. */
  readonly ended: Promise<void>;
}

export interface PeerReplica {
  readonly address: string;
  readonly revision: string;
}

interface Report extends PeerReplica {
  readonly name: string;
  readonly step: string;
  readonly waiting: readonly string[];
  readonly version: string;
  /** By our own clock. */
  readonly heard: number;
}

const defaultPace: ReplicaPace = { renewMs: 10_000, absenceMs: 5 * 60_000 };
const replicaLabel = 'keelson.io/replica';
const revisionLabel = 'istio.io/rev';
const reportAnnotation = 'keelson.io/rotation';
const addressAnnotation = 'keelson.io/address';
const mostTold = 20;

export function replicaLeases(options: ReplicaLeasesOptions): ReplicaLeases {
  return new OwnLease(options);
}

class OwnLease implements ReplicaLeases {
  readonly ended: Promise<void>;
  readonly #options: ReplicaLeasesOptions;
  readonly #pace: ReplicaPace;
  readonly #others = new Map<string, Report>();
  #isKnown = false;
  /** What is to be told, and what has been. */
  #text = JSON.stringify({ step: '', waiting: [] });
  #told = '';
  #wake = (): void => {};

  constructor(options: ReplicaLeasesOptions) {
    this.#options = options;
    this.#pace = { ...defaultPace, ...options.pace };
    this.#follow();
    this.ended = this.#run();
  }

  isKnown(): boolean {
    return this.#isKnown;
  }

  report(step: string, waiting: readonly string[]): void {
    const text = JSON.stringify({ step, waiting: waiting.slice(0, mostTold) });
    if (text === this.#text) return;
    this.#text = text;
    this.#wake();
  }

  waiting(step: string): readonly string[] {
    return [...this.#others.values()]
      .filter(({ name, heard }) => name !== this.#options.name && Date.now() - heard < this.#pace.absenceMs)
      .flatMap((report) => (report.step === step ? report.waiting : [`the replica ${report.name}`]));
  }

  peers(): ReadonlyMap<string, PeerReplica> {
    const alive = [...this.#others.values()].filter(
      ({ name, address, heard }) =>
        name !== this.#options.name && address !== '' && Date.now() - heard < 3 * this.#pace.renewMs,
    );
    return new Map(alive.map((report) => [report.name, report]));
  }

  #follow(): void {
    const { client, namespace, signal } = this.#options;
    void reflect<Report>({
      client,
      resource: leases,
      selection: { namespace, labelSelector: replicaLabel },
      read: reportOf,
      replace: (objects) => {
        const before = new Map(this.#others);
        this.#others.clear();
        // Listed once more is not heard of once more.
        for (const report of objects.values()) this.#others.set(report.name, sameAs(before.get(report.name), report));
        this.#isKnown = true;
      },
      change: (changes) => {
        for (const { key, value } of changes) {
          if (value === undefined) this.#others.delete(key.slice(key.indexOf('/') + 1));
          else this.#others.set(value.name, value);
        }
      },
      signal,
    });
  }

  async #run(): Promise<void> {
    const { client, namespace, name, signal, onFault } = this.#options;
    const give = (lease: string): Promise<void> =>
      client.delete(leases, { name: lease, namespace }).catch((error: unknown) => {
        if (!isNotFound(error)) onFault(error);
      });
    while (!signal.aborted) {
      await this.#renew().catch((error: unknown) => void (signal.aborted || onFault(error)));
      for (const { name: other, heard } of this.#others.values())
        if (Date.now() - heard > 2 * this.#pace.absenceMs && other !== name) await give(other);
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      await this.#pause(AbortSignal.any([signal, woken.signal]));
    }
    await give(name);
  }

  /** Until it is to be renewed, or there is something to tell. */
  async #pause(signal: AbortSignal): Promise<void> {
    const due = performance.now() + this.#pace.renewMs;
    do await pause(Math.min(this.#pace.renewMs, 1000), signal);
    while (!signal.aborted && performance.now() < due && this.#told === this.#news());
  }

  #news(): string {
    return `${this.#options.address() ?? ''} ${this.#text}`;
  }

  async #renew(): Promise<void> {
    const { client, namespace, name, revision, signal } = this.#options;
    const news = this.#news();
    const annotations = { [reportAnnotation]: this.#text, [addressAnnotation]: this.#options.address() ?? '' };
    const metadata = { name, namespace, labels: { [replicaLabel]: 'true', [revisionLabel]: revision }, annotations };
    const leaseDurationSeconds = Math.ceil((this.#pace.renewMs * 3) / 1000);
    const spec = { holderIdentity: name, leaseDurationSeconds, renewTime: microTime() };
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
    await client.patch(leases, { name, namespace }, lease, { type: 'apply', fieldManager, force: true, signal });
    this.#told = news;
  }
}

const sameAs = (before: Report | undefined, now: Report): Report => (before?.version === now.version ? before : now);

function reportOf({ metadata }: KubernetesObject): Report {
  const heard = Date.now();
  const { name = '', resourceVersion: version = '', annotations = {}, labels = {} } = metadata;
  const revision = labels[revisionLabel] ?? '';
  const address = annotations[addressAnnotation] ?? '';
  try {
    const { step, waiting } = JSON.parse(annotations[reportAnnotation] ?? '') as Partial<Report>;
    if (typeof step === 'string' && Array.isArray(waiting))
      return { name, step, waiting: waiting.map(String), address, revision, version, heard };
  } catch {
    // Somebody else wrote it.
  }
  return { name, step: '', waiting: [], address, revision, version, heard };
}
