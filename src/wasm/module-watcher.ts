// Keeps the modules that extensions name: fetched when one is first named, tried again after a failure, and kept as long as
// something names them. Proxies only ever hear of modules that are here.
// https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/
import type { ModuleSource, Modules, ModuleState } from '../model/external/module-source.ts';
import type { ObjectBase } from '../model/object.ts';
import type { Problem } from '../model/problem.ts';
import type { WasmConfig } from '../model/schema/index.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { SourceRef } from '../model/source.ts';
import type { Followed, Named, Timing } from '../watchers/fetch/fetched-sources.ts';
import type { FetchedModule, ModuleFetchOptions } from './module-fetch.ts';

import { moduleKey, moduleSource } from '../model/external/module-source.ts';
import { patchedModule } from '../model/envoy/patched-module.ts';
import { at } from '../model/source.ts';
import { FetchedSources } from '../watchers/fetch/fetched-sources.ts';
import { registryCredentials } from './docker-config.ts';
import { fetchModule } from './module-fetch.ts';

export interface ModuleWatcherOptions extends ModuleFetchOptions, Timing {
  /** Called when a module has come, or could not be had. */
  readonly onChange: () => void;
}

const maxTotalBytes = 512 * 1024 * 1024;

export class ModuleWatcher {
  readonly #options: ModuleWatcherOptions;
  readonly #sources: FetchedSources<ModuleSource, FetchedModule>;
  #snapshot: Snapshot | undefined;
  #modules: Modules = { states: new Map() };

  constructor(options: ModuleWatcherOptions) {
    this.#options = options;
    this.#sources = new FetchedSources({
      ...options,
      fetch: (source, signal) => this.#fetch(source, signal),
      mostAtOnce: 4,
      most: 200,
      firstRetry: 2_000,
      longestRetry: 5 * 60_000,
      onChange: () => {
        this.#publish();
        options.onChange();
      },
    });
  }

  /** Its identity changes only with its content. */
  get modules(): Modules {
    return this.#modules;
  }

  /** Follows what `snapshot` names, and forgets the rest. */
  follow(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    if (this.#sources.follow(sourcesOf(snapshot))) this.#publish();
  }

  /** Resolves when every module has been tried once. */
  settled(): Promise<void> {
    return this.#sources.settled();
  }

  problems(): readonly Problem[] {
    return [...this.#sources.followed.values()].flatMap(({ fault, users }) =>
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
    this.#sources.stop();
  }

  async #fetch(source: ModuleSource, signal: AbortSignal): Promise<FetchedModule> {
    const secret = this.#snapshot?.objects.Secret.get(source.pullSecret);
    const credentials = (registry: string) => registryCredentials(secret, registry);
    const module = await fetchModule(source, credentials, this.#options, signal);
    if (this.#totalBytes() + module.bytes.length > maxTotalBytes)
      throw new Error(`all modules together would have more than ${maxTotalBytes} bytes`);
    return module;
  }

  #totalBytes(): number {
    return [...this.#sources.followed.values()].reduce((sum, { value }) => sum + (value?.bytes.length ?? 0), 0);
  }

  #publish(): void {
    const states = [...this.#sources.followed].map(([key, followed]) => [key, stateOf(followed)] as const);
    this.#modules = { states: new Map(states) };
  }
}

function stateOf({ value, fault }: Pick<Followed<ModuleSource, FetchedModule>, 'value' | 'fault'>): ModuleState {
  if (value !== undefined) return { kind: 'ready', ...value };
  return fault === undefined ? { kind: 'pending' } : { kind: 'unavailable', reason: fault };
}

function sourcesOf({ objects }: Snapshot): Named<ModuleSource> {
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
