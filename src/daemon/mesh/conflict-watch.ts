// What objects do to each other as the connected proxies see them, asked in the background: once after a batch of changes
// and never within a push, a proxy at a time, so that nothing waits for it.
import { setImmediate as breath } from 'node:timers/promises';

import type { PatchPlaces } from '../../model/envoy/patch-places.ts';
import { unmatchedPatches } from '../../model/envoy/patch-places.ts';
import type { Problem } from '../../model/problem.ts';
import { describeProblem } from '../../model/problem.ts';
import type { NodeInfo } from '../../model/envoy/resource.ts';

export interface ConflictWatchOptions {
  /** Of the proxies that are connected. */
  readonly nodes: () => readonly NodeInfo[];
  readonly conflicts: (node: NodeInfo) => readonly Problem[];
  readonly patchPlaces: (node: NodeInfo) => readonly PatchPlaces[];
  /** Each problem once, by its words; called only when they differ from the last time. */
  readonly onProblems: (problems: readonly Problem[]) => void;
  readonly onFault: (fault: unknown) => void;
  /** After how much silence changes are looked at, in milliseconds; where it is never silent, after ten times that. */
  readonly batch?: number;
}

const longestBatches = 10;

export class ConflictWatch {
  readonly #options: ConflictWatchOptions;
  #timer: NodeJS.Timeout | undefined;
  /** When the first of the changes came that are gathered, in milliseconds. */
  #touchedAt = 0;
  readonly #hourly: NodeJS.Timeout;
  #known = '';
  #stopped = false;

  constructor(options: ConflictWatchOptions) {
    this.#options = options;
    // Certificates end without anybody changing anything.
    this.#hourly = setInterval(() => this.touch(), 3_600_000).unref();
  }

  /** Something has changed: the mesh, or who is connected. */
  touch(): void {
    if (this.#stopped) return;
    const { batch = 1000 } = this.#options;
    const now = performance.now();
    if (this.#timer === undefined) {
      this.#touchedAt = now;
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#look().catch(this.#options.onFault);
      }, batch).unref();
    } else if (now - this.#touchedAt < longestBatches * batch) this.#timer.refresh();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearInterval(this.#hourly);
  }

  async #look(): Promise<void> {
    const found = new Map<string, Problem>();
    const places: (readonly PatchPlaces[])[] = [];
    for (const node of this.#options.nodes()) {
      for (const problem of this.#options.conflicts(node)) found.set(describeProblem(problem), problem);
      places.push(this.#options.patchPlaces(node));
      await breath();
    }
    for (const problem of unmatchedPatches(places)) found.set(describeProblem(problem), problem);
    const words = [...found.keys()].toSorted().join('\n');
    if (this.#stopped || words === this.#known) return;
    this.#known = words;
    this.#options.onProblems([...found.values()]);
  }
}
