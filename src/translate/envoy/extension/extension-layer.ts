// The configurations of extensions that the listeners of one proxy refer to, delivered on their own.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/overview/extension
import type { Extension } from '../../../model/mesh/extension.ts';
import { memo, sharedValue } from '../../../model/memo.ts';
import type { Modules } from '../../../model/external/module-source.ts';
import { layer } from '../../../model/envoy/layer.ts';
import type { Configuration, Layer } from '../../../model/envoy/resource.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import type { PatchedExtension } from './patched-extension.ts';
import { patchedExtension } from './patched-extension.ts';
import { wasmExtension } from './wasm.ts';

type Listener = MessageOf['envoy.config.listener.v3.Listener'];
type FilterChain = MessageOf['envoy.config.listener.v3.FilterChain'];
type Filter = MessageOf['envoy.config.listener.v3.Filter'];
type HttpFilter = MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];
type HttpConnectionManager =
  MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'];

export interface ExtensionSources {
  readonly extensions: readonly Extension[];
  /** Those that EnvoyFilters bring. */
  readonly others: readonly PatchedExtension[];
  /** What the control plane has fetched; undefined when proxies have an agent that does. */
  readonly modules: Modules | undefined;
}

/** `configuration` with what its listeners ask for. */
export function withExtensions(configuration: Configuration, sources: ExtensionSources): Configuration {
  const { extensions, others, modules } = sources;
  if (extensions.length === 0 && others.length === 0) return configuration;
  const asked = askedNames(configuration);
  const wanted = [
    ...extensions.flatMap((extension) => {
      const { wasm, use } = extension;
      if (wasm === undefined) return [];
      const resource = wasmExtension(extension, wasm, modules);
      return { name: use.name, resource };
    }),
    ...others.map(({ resource, namespace }) => ({
      name: resource.name,
      resource: patchedExtension(resource, namespace, modules),
    })),
  ].filter(({ name }) => asked.has(name));
  if (wanted.length === 0) return configuration;
  const resources = wanted.flatMap(({ resource }) => resource ?? []);
  const awaited = wanted.filter(({ resource }) => resource === undefined).map(({ name }) => name);
  return {
    ...configuration,
    extension: [awaiting(layer('extension', resources), sharedValue(awaited))],
  };
}

const awaiting = memo((made: Layer, awaited: readonly string[]): Layer =>
  awaited.length === 0 ? made : { ...made, awaited },
);

function askedNames({ listener }: Configuration): ReadonlySet<string> {
  const listeners = listener.flatMap(({ resources }) => [...resources.values()]);
  return new Set(listeners.flatMap(({ message }) => namesIn(message)));
}

const namesIn = memo((message: object): readonly string[] => {
  const { filter_chains: chains = [], default_filter_chain: rest }: Listener = message;
  return [...chains, ...(rest === undefined ? [] : [rest])].flatMap((chain: FilterChain) =>
    (chain.filters ?? []).flatMap((each) => namesInFilter(each)),
  );
});

const namesInFilter = memo(
  ({ name = '', config_discovery: delivered, typed_config: config }: Filter): readonly string[] => {
    const { http_filters: inside = [] } = (config ?? {}) as HttpConnectionManager;
    return [...(delivered === undefined ? [] : [name]), ...inside.flatMap(askedByHttpFilter)];
  },
);

const askedByHttpFilter = ({ name = '', config_discovery: delivered }: HttpFilter): readonly string[] =>
  delivered === undefined ? [] : [name];
