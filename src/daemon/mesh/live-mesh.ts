// The mesh as it is now, with everything that was found wrong with it: it changes with the objects it is read from, with the
// keys of token issuers, and with the authority.
import type { Installation } from '../../translate/resolve/settings/mesh-settings.ts';
import { invariant } from '../../model/invariant.ts';
import type { Problem } from '../../model/problem.ts';
import { describeProblem } from '../../model/problem.ts';
import type { Configuration, NodeInfo } from '../../model/envoy/resource.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { emptySnapshot } from '../../model/snapshot.ts';
import type { Translation } from '../../translate/translate.ts';
import { translate } from '../../translate/translate.ts';
import type { OnObject } from '../../watchers/cluster/cluster.ts';
import type { FetchOptions } from '../../watchers/fetch/limited-fetch.ts';
import { KeyWatcher } from '../../watchers/jwks/jwks.ts';
import type { ModuleWatcherOptions } from '../../wasm/module-watcher.ts';
import { ModuleWatcher } from '../../wasm/module-watcher.ts';
import type { Log } from '../../xds/log.ts';

/** How modules are fetched, and where proxies get them. */
export type ModuleFetching = Omit<ModuleWatcherOptions, 'onChange'>;

/** What the server asks for while the configuration changes under it. */
export class LiveMesh {
  /** Resolves when all proxies have been told. */
  onChange: () => Promise<void> = () => Promise.resolve();
  /** Told of every object of a cluster, as the cluster has it. */
  onObject: OnObject = () => {};
  /** What a change means is known; finding out began `since`. */
  onTranslated: (since: number) => void = () => {};
  snapshot: Snapshot = emptySnapshot;
  problems: readonly Problem[] = [];
  readonly installation: Installation;
  translation: Translation;
  readonly #log: Log;
  readonly #onProblems: (problems: readonly Problem[]) => void;
  readonly #keys: KeyWatcher;
  /** Without one, extensions are told to proxies as they are written. */
  readonly #modules: ModuleWatcher | undefined;
  /** Whether anything was read yet, be it nothing. */
  #isTaken = false;
  #objectProblems: readonly Problem[] = [];
  #authorityProblems: readonly Problem[] = [];
  #conflicts: readonly Problem[] = [];

  constructor(
    installation: Installation,
    log: Log,
    onProblems: (problems: readonly Problem[]) => void,
    fetching: FetchOptions,
    modules: ModuleFetching | undefined,
  ) {
    this.installation = installation;
    this.translation = translate(emptySnapshot, installation);
    this.#log = log;
    this.#onProblems = onProblems;
    const onChange = (): void => void this.#translate();
    this.#keys = new KeyWatcher({ ...fetching, onChange });
    this.#modules = modules === undefined ? undefined : new ModuleWatcher({ ...modules, onChange });
  }

  /** Resolves when all keys of issuers have been fetched, or tried in vain. */
  keysFetched(): Promise<void> {
    return this.#keys.settled();
  }

  stop(): void {
    this.#keys.stop();
    this.#modules?.stop();
  }

  /** Objects that were written again and say what they said, as with their status, cost nobody anything. */
  async replace(snapshot: Snapshot, problems: readonly Problem[]): Promise<void> {
    if (this.#isTaken && snapshot === this.snapshot) return this.#replaceObjectProblems(problems);
    this.#isTaken = true;
    this.snapshot = snapshot;
    this.#objectProblems = problems;
    this.#keys.follow(snapshot);
    this.#modules?.follow(snapshot);
    return this.#translate();
  }

  #replaceObjectProblems(problems: readonly Problem[]): void {
    const words = (all: readonly Problem[]): string => all.map(describeProblem).join('\n');
    if (words(problems) === words(this.#objectProblems)) return;
    this.#objectProblems = problems;
    this.#report();
  }

  replaceAuthorityProblems(problems: readonly Problem[]): void {
    this.#authorityProblems = problems;
    this.#report();
  }

  /** What objects do to each other, as proxies see them. */
  replaceConflicts(conflicts: readonly Problem[]): void {
    this.#conflicts = conflicts;
    this.#report();
  }

  /** A mesh that cannot be resolved is a bug of ours: the one before stays in force. */
  async #translate(): Promise<void> {
    const since = Date.now();
    try {
      this.translation = this.translated(this.snapshot);
    } catch (error) {
      this.#log.error('a change cannot be taken in', { reason: error instanceof Error ? error.stack : String(error) });
      return;
    }
    this.onTranslated(since);
    this.#report();
    await this.onChange();
  }

  /** What follows from another snapshot: work for what differs only. */
  translated(snapshot: Snapshot): Translation {
    return translate(snapshot, this.installation, this.#keys.keySets, this.#modules?.modules);
  }

  #report(): void {
    const others = [
      ...this.translation.problems,
      ...this.translation.unresolved(),
      ...this.#keys.problems(),
      ...(this.#modules?.problems() ?? []),
      ...this.#authorityProblems,
      ...this.#conflicts,
    ];
    this.problems = [...this.#objectProblems, ...others];
    this.#onProblems(this.problems);
  }

  /** Resolves when every module has been fetched, or tried in vain. */
  async modulesFetched(): Promise<void> {
    await this.#modules?.settled();
  }

  configuration(node: NodeInfo): Configuration {
    const configuration = this.translation.configuration(node);
    invariant(configuration !== undefined, `a proxy with the node id '${node.id}' was let in`);
    return configuration;
  }
}
