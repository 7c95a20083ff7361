// How long it takes from a change until a proxy has answered everything that the change has caused. What one response sets
// off is sent before the turn of the event loop is over, so that whoever owes no answer by then has converged.
interface Journey {
  /** When the change came, in milliseconds. */
  since: number;
  /** How many responses are sent and not answered. */
  open: number;
  hasEnded: boolean;
}

/** Connections are named by whatever tells them apart. */
export class Convergence {
  readonly #now: () => number;
  readonly #converged: (after: number) => void;
  /** The last one of each connection: every change begins one, and making each anew would be garbage that lives long. */
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
    let journey = this.#journeys.get(connection);
    if (journey === undefined) this.#journeys.set(connection, (journey = { since: 0, open: 0, hasEnded: true }));
    journey.open++;
    if (!journey.hasEnded) return;
    journey.hasEnded = false;
    journey.since = this.#current?.connection === connection ? this.#current.since : this.#now();
  }

  settled(connection: string): void {
    const journey = this.#journeys.get(connection);
    if (journey === undefined || journey.open === 0 || --journey.open > 0) return;
    queueMicrotask(() => {
      if (journey.open > 0 || journey.hasEnded || this.#journeys.get(connection) !== journey) return;
      journey.hasEnded = true;
      this.#converged(this.#now() - journey.since);
    });
  }

  forget(connection: string): void {
    this.#journeys.delete(connection);
  }
}
