// What goes out to proxies and how they answer: counted, timed, and told to whoever watches.
import type { TypeUrl } from '../model/envoy/resource.ts';
import type { XdsObserver } from './observer.ts';
import { Convergence } from './convergence.ts';

export class Ledger {
  readonly counters = { pushes: 0, resourcesSent: 0, bytesSent: 0, nacks: 0 };
  readonly convergence: Convergence;
  readonly #observer: XdsObserver | undefined;

  constructor(now: () => number, observer: XdsObserver | undefined) {
    this.#observer = observer;
    this.convergence = new Convergence(now, (after) => observer?.converged(after));
  }

  /** A response is sent. */
  readonly onSent = (connection: string, type: TypeUrl, resources: number, bytes: number, took: number): void => {
    this.counters.pushes++;
    this.counters.resourcesSent += resources;
    this.counters.bytesSent += bytes;
    this.convergence.sent(connection);
    this.#observer?.sent(type, resources, bytes, took, connection);
  };

  /** It is answered, `after` that many milliseconds. */
  readonly onSettled = (connection: string, type: TypeUrl, accepted: boolean, after: number): void => {
    if (!accepted) this.counters.nacks++;
    this.convergence.settled(connection);
    this.#observer?.settled(type, accepted, after, connection);
  };
}
