// A Kubernetes cluster as a source of objects: one watch for each row of the kinds table, all into one store. What
// changes while somebody is busy with the last change is told in one go afterwards.
import type { KubernetesClient } from '../../kubernetes/client.ts';
import type { KubernetesObject } from '../../kubernetes/resource.ts';
import type { Pace } from '../../kubernetes/pace.ts';
import type { Problem } from '../../model/problem.ts';
import type { Kind } from '../../model/schema/index.ts';
import type { KindRow } from '../kinds.ts';
import type { RuleContext } from '../rules/rule.ts';
import type { ParseResult } from '../parse.ts';
import type { OnChange } from '../source.ts';
import type { KindState } from './kind-watch.ts';
import { kindRows } from '../kinds.ts';
import { Store } from '../store.ts';
import { watchDefinitions } from './definitions.ts';
import { KindObjects } from './kind-objects.ts';
import { watchKind } from './kind-watch.ts';
import { isSettled, stateProblems } from './state-problems.ts';

export type OnObject = (row: KindRow, object: KubernetesObject) => void;

export interface ClusterOptions {
  readonly client: KubernetesClient;
  readonly signal: AbortSignal;
  /** Where the mesh's own ConfigMaps are. */
  readonly systemNamespace: string;
  /** Of this control plane. */
  readonly revision: string;
  /** What is read; default: every kind there is. */
  readonly rows?: readonly KindRow[];
  readonly context?: RuleContext;
  readonly pace?: Partial<Pace>;
  /** Told of every object as the server has it, whenever it is sent. */
  readonly onObject?: OnObject;
  /** Told how it goes with each kind, also while nothing is known yet. */
  readonly onState?: (kind: Kind, state: KindState) => void;
  /** Told what keeps us from beginning, whenever that may have changed. */
  readonly onWaiting?: (problems: readonly Problem[]) => void;
}

/**
 * Calls `onChange` when every kind has been listed, or is known not to be there or not to be ours to read; then the
 * promise resolves. Kinds of security policies have to be read, if they are there. Called again whenever objects or problems
 * have changed.
 */
export async function watchCluster(onChange: OnChange, options: ClusterOptions): Promise<void> {
  const { client, signal, rows = kindRows, pace = {} } = options;
  const store = new Store();
  const states = new Map<KindRow, KindState>();
  const all = rows.map((row) => new KindObjects(row, store, options));
  const known = new Set<KindRow>();
  let isComplete = false;
  const teller = new Teller(
    (since) =>
      onChange(store.snapshot, [...all.flatMap((each) => each.problems()), ...stateProblems(states, known)], since),
    signal,
  );
  const definitions = watchDefinitions(client, signal, pace);
  const settled = all.map(
    (objects) =>
      new Promise<void>((resolve) => {
        const { row } = objects;
        const onState = (state: KindState): void => {
          states.set(row, state);
          options.onState?.(row.kind, state);
          if (isSettled(row, state)) {
            known.add(row);
            resolve();
          }
          if (!isComplete) options.onWaiting?.(stateProblems(states, known));
          teller.changed();
        };
        void watchKind<ParseResult>({
          client,
          row,
          definitions,
          signal,
          pace,
          onState,
          read: (object) => {
            options.onObject?.(row, object);
            return objects.read(object);
          },
          replace: (map) => (objects.replace(map), teller.changed()),
          change: (changes) => {
            if (objects.change(changes)) teller.changed();
          },
        });
        signal.addEventListener('abort', () => resolve(), { once: true });
      }),
  );
  await Promise.all(settled);
  isComplete = true;
  await teller.begin();
}

/** Tells of changes, one at a time: what comes meanwhile is told together. */
class Teller {
  readonly #tell: (since: number) => void | Promise<void>;
  readonly #signal: AbortSignal;
  #begun = false;
  /** When the first of what is not told yet came. */
  #since: number | undefined;
  #telling: Promise<void> | undefined;

  constructor(tell: (since: number) => void | Promise<void>, signal: AbortSignal) {
    this.#tell = tell;
    this.#signal = signal;
  }

  /** Resolves when everything that is known now has been told. */
  begin(): Promise<void> {
    this.#begun = true;
    this.#since ??= Date.now();
    return (this.#telling ??= this.#run());
  }

  changed(): void {
    this.#since ??= Date.now();
    if (this.#begun) this.#telling ??= this.#run();
  }

  async #run(): Promise<void> {
    // What arrived in one piece belongs together.
    await new Promise<void>((resolve) => setImmediate(resolve));
    try {
      while (this.#since !== undefined && !this.#signal.aborted) {
        const since = this.#since;
        this.#since = undefined;
        await this.#tell(since);
      }
    } finally {
      this.#telling = undefined;
    }
  }
}
