// How long it takes from a change until a proxy has answered everything that the change has caused. What one response sets
// off is sent before the turn of the event loop is over, so that whoever owes no answer by then has converged.
interface Journey {
  /** When the change came, in milliseconds. */
  readonly since: number;
  /** How many responses are sent and not answered. */
  open: number;
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

  sent(connection: string): void {
    const journey = this.#journeys.get(connection);
    if (journey !== undefined) return void journey.open++;
    const since = this.#current?.connection === connection ? this.#current.since : this.#now();
    this.#journeys.set(connection, { since, open: 1 });
  }

  settled(connection: string): void {
    const journey = this.#journeys.get(connection);
    if (journey === undefined || --journey.open > 0) return;
    queueMicrotask(() => {
      if (journey.open > 0 || this.#journeys.get(connection) !== journey) return;
      this.#journeys.delete(connection);
      this.#converged(this.#now() - journey.since);
    });
  }

  forget(connection: string): void {
    this.#journeys.delete(connection);
  }
}
