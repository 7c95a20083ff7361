// What kept the daemon from its work in each phase: its own metrics, whose longest values are since they were last asked.
import { seriesOf } from '../../test/support/servers/prometheus.ts';

/** As the load generator's table reads it. */
export interface Pauses {
  readonly delay_p99_ms: number;
  readonly delay_max_ms: number;
  readonly collection_max_ms: number;
  readonly collection_pct: number;
}

export class PauseMeter {
  readonly #monitoring: string;
  #asked = performance.now();
  #collected = 0;

  constructor(monitoring: string) {
    this.#monitoring = monitoring;
  }

  /** Since the last lap. */
  async lap(): Promise<Pauses> {
    const series = seriesOf(await (await fetch(`${this.#monitoring}/metrics`)).text());
    const sum = (name: string): number =>
      series.filter((each) => each.name === name).reduce((total, { value }) => total + value, 0);
    const milliseconds = (name: string): number => Math.round(sum(name) * 10_000) / 10;
    const [asked, collected] = [performance.now(), milliseconds('nodejs_gc_duration_seconds_sum')];
    const share = (collected - this.#collected) / (asked - this.#asked);
    [this.#asked, this.#collected] = [asked, collected];
    return {
      delay_p99_ms: milliseconds('nodejs_eventloop_lag_p99_seconds'),
      delay_max_ms: milliseconds('nodejs_eventloop_lag_max_seconds'),
      collection_max_ms: milliseconds('nodejs_gc_duration_max_seconds'),
      collection_pct: Math.round(share * 1000) / 10,
    };
  }
}
