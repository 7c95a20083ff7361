// How long it takes from a change until a proxy has answered everything that the change has caused. What one response sets
// off is sent before the turn of the event loop is over, so that whoever owes no answer by then has converged.
import type { TypeUrl } from '../model/envoy/resource.ts';

interface Journey {
  /** When the change came, in milliseconds. */
  readonly since: number;
  /** Types that are sent and not answered. */
  readonly open: Set<TypeUrl>;
}

/** Connections are named by whatever tells them apart. */
export class Convergence {
  readonly #now: () => number;
  readonly #converged: (after: number) => void;
  readonly #journeys = new Map<string, Journey>();
  /** The connection that is being configured, and since when what is sent to it is due. */
  #current: { readonly connection: string; readonly since: number } | undefined;

  constructor(now: () => number, converged: (after: number) => void) {
    this.#now = now;
    this.#converged = converged;
  }

  /** `configure` sends what a change of that time causes. */
  during(connection: string, since: number, configure: () => void): void {
    this.#current = { connection, since };
    try {
      configure();
    } finally {
      this.#current = undefined;
    }
  }

  sent(connection: string, type: TypeUrl): void {
    const journey = this.#journeys.get(connection);
    if (journey !== undefined) return void journey.open.add(type);
    const since = this.#current?.connection === connection ? this.#current.since : this.#now();
    this.#journeys.set(connection, { since, open: new Set([type]) });
  }

  settled(connection: string, type: TypeUrl): void {
    const journey = this.#journeys.get(connection);
    journey?.open.delete(type);
    if (journey === undefined || journey.open.size > 0) return;
    queueMicrotask(() => {
      if (journey.open.size > 0 || this.#journeys.get(connection) !== journey) return;
      this.#journeys.delete(connection);
      this.#converged(this.#now() - journey.since);
    });
  }

  forget(connection: string): void {
    this.#journeys.delete(connection);
  }
}
