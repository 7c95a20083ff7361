// Keeps the modules that extensions name: fetched when one is first named, tried again after a failure, and kept as long as
// something names them. Proxies only ever hear of modules that are here.
// https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/
import type { ModuleSource, Modules, ModuleState } from '../model/module-source.ts';
import type { ObjectBase } from '../model/object.ts';
import type { Problem } from '../model/problem.ts';
import type { WasmConfig } from '../model/schema/index.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { SourceRef } from '../model/source.ts';
import type { FetchedModule, ModuleFetchOptions } from './module-fetch.ts';

import { moduleKey, modulePath, moduleSource } from '../model/module-source.ts';
import { patchedModule } from '../model/patched-module.ts';
import { at } from '../model/source.ts';
import { registryCredentials } from './docker-config.ts';
import { fetchModule } from './module-fetch.ts';

export interface ModuleWatcherOptions extends ModuleFetchOptions {
  /** Where proxies reach the server of `file`. */
  readonly server: Modules['server'];
  /** Called when a module has come, or could not be had. */
  readonly onChange: () => void;
  /** Time, for tests. */
  readonly after?: (milliseconds: number, run: () => void) => () => void;
}

const maxAtOnce = 4;
const maxModules = 200;
const maxTotalBytes = 512 * 1024 * 1024;
const firstRetry = 2_000;
const longestRetry = 5 * 60_000;

interface Followed {
  readonly source: ModuleSource;
  users: readonly SourceRef[];
  module?: FetchedModule;
  fault?: string;
  failures: number;
  readonly stopping: AbortController;
  cancel: () => void;
}

export class ModuleWatcher {
  readonly #options: ModuleWatcherOptions;
  readonly #followed = new Map<string, Followed>();
  readonly #waiting: Followed[] = [];
  #running = 0;
  #snapshot: Snapshot | undefined;
  #modules: Modules;
  #idle: (() => void)[] = [];

  constructor(options: ModuleWatcherOptions) {
    this.#options = options;
    this.#modules = { server: options.server, states: new Map() };
  }

  /** Its identity changes only with its content. */
  get modules(): Modules {
    return this.#modules;
  }

  /** What is served at a path: a module by its digest. */
  file(path: string): Uint8Array | undefined {
    for (const { module } of this.#followed.values())
      if (module !== undefined && path === modulePath(module.sha256)) return module.bytes;
    return undefined;
  }

  /** Follows what `snapshot` names, and forgets the rest. */
  follow(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    const named = sourcesOf(snapshot);
    let changed = false;
    for (const [key, followed] of this.#followed) {
      if (named.has(key)) continue;
      this.#followed.delete(key);
      followed.cancel();
      followed.stopping.abort(new Error('no longer needed'));
      changed = true;
    }
    for (const [key, { source, users }] of named) {
      const known = this.#followed.get(key);
      if (known !== undefined) known.users = users;
      else if (this.#followed.size < maxModules) {
        this.#begin(key, source, users);
        changed = true;
      }
    }
    if (changed) this.#publish();
  }

  /** Resolves when every module has been tried once. */
  settled(): Promise<void> {
    if (this.#running + this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  problems(): readonly Problem[] {
    return [...this.#followed.values()].flatMap(({ fault, users }) =>
      fault === undefined
        ? []
        : users.map((source): Problem => ({
            code: 'module-unavailable',
            severity: 'warning',
            message: `the module could not be fetched: ${fault}`,
            source,
          })),
    );
  }

  stop(): void {
    for (const { cancel, stopping } of this.#followed.values()) {
      cancel();
      stopping.abort(new Error('stopped'));
    }
    this.#followed.clear();
  }

  #begin(key: string, source: ModuleSource, users: readonly SourceRef[]): void {
    const followed: Followed = { source, users, failures: 0, stopping: new AbortController(), cancel: () => {} };
    this.#followed.set(key, followed);
    this.#waiting.push(followed);
    this.#next();
  }

  #next(): void {
    while (this.#running < maxAtOnce) {
      const followed = this.#waiting.shift();
      if (followed === undefined) break;
      this.#running++;
      void this.#fetch(followed).finally(() => {
        this.#running--;
        this.#next();
        if (this.#running === 0) for (const resolve of this.#idle.splice(0)) resolve();
      });
    }
  }

  async #fetch(followed: Followed): Promise<void> {
    const { source, stopping } = followed;
    if (stopping.signal.aborted) return;
    try {
      const secret = this.#snapshot?.objects.Secret.get(source.pullSecret);
      const credentials = (registry: string) => registryCredentials(secret, registry);
      const module = await fetchModule(source, credentials, this.#options, stopping.signal);
      if (this.#totalBytes() + module.bytes.length > maxTotalBytes)
        throw new Error(`all modules together would have more than ${maxTotalBytes} bytes`);
      followed.module = module;
      delete followed.fault;
    } catch (error) {
      followed.fault = error instanceof Error ? error.message : String(error);
      followed.failures++;
    }
    if (stopping.signal.aborted) return;
    if (followed.module === undefined) followed.cancel = this.#tryAgain(followed);
    this.#publish();
    this.#options.onChange();
  }

  #tryAgain(followed: Followed): () => void {
    const { after = afterTimeout } = this.#options;
    return after(Math.min(longestRetry, firstRetry * 2 ** (followed.failures - 1)), () => {
      this.#waiting.push(followed);
      this.#next();
    });
  }

  #totalBytes(): number {
    return [...this.#followed.values()].reduce((sum, { module }) => sum + (module?.bytes.length ?? 0), 0);
  }

  #publish(): void {
    const states = [...this.#followed].map(([key, followed]) => [key, stateOf(followed)] as const);
    this.#modules = { server: this.#options.server, states: new Map(states) };
  }
}

function stateOf({ module, fault }: Followed): ModuleState {
  if (module !== undefined) return { kind: 'ready', ...module };
  return fault === undefined ? { kind: 'pending' } : { kind: 'unavailable', reason: fault };
}

function sourcesOf({ objects }: Snapshot): ReadonlyMap<string, { source: ModuleSource; users: readonly SourceRef[] }> {
  const found = new Map<string, { source: ModuleSource; users: SourceRef[] }>();
  const add = (ref: SourceRef, source: ModuleSource | undefined, path: string): void => {
    if (source === undefined) return;
    const known = found.get(moduleKey(source));
    const user = at(ref, path);
    if (known === undefined) found.set(moduleKey(source), { source, users: [user] });
    else known.users.push(user);
  };
  const named = ({ metadata }: ObjectBase, config: WasmConfig | undefined): ModuleSource | undefined =>
    config && moduleSource(config, metadata.namespace, metadata.resourceVersion ?? '');
  for (const plugin of objects.WasmPlugin.values()) add(plugin.source, named(plugin, plugin.spec), 'spec.url');
  for (const extension of objects.TrafficExtension.values())
    add(extension.source, named(extension, extension.spec.wasm), 'spec.wasm.url');
  for (const { source, spec } of objects.EnvoyFilter.values())
    for (const [i, { applyTo, patch }] of (spec.configPatches ?? []).entries())
      if (applyTo === 'EXTENSION_CONFIG')
        add(source, patchedModule(patch?.value, source.namespace), `spec.configPatches[${i}]`);
  return found;
}

function afterTimeout(milliseconds: number, run: () => void): () => void {
  const timer = setTimeout(run, milliseconds).unref();
  return () => clearTimeout(timer);
}
