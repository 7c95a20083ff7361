// WasmPlugins and TrafficExtensions as extensions, in the order in which they run: by phase, the highest priority first.
// https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/
import type { Extension, ExtensionPhase } from '../../model/mesh/extension.ts';
import { memo, sharedList } from '../../model/memo.ts';
import type { KindMap, WasmConfig } from '../../model/schema/index.ts';
import { byObjectAge } from './order.ts';
import { targetedBy } from './policy-target.ts';
import type { Proxy } from '../../model/proxy/proxy.ts';

type WasmPlugin = KindMap['WasmPlugin'];
type TrafficExtension = KindMap['TrafficExtension'];
type Bringing = WasmPlugin | TrafficExtension;

/** By namespace, in the order in which objects of equal phase and priority run. */
export type ExtensionsByNamespace = ReadonlyMap<string, readonly Bringing[]>;

export const groupExtensions = memo(
  (
    plugins: ReadonlyMap<string, WasmPlugin>,
    extensions: ReadonlyMap<string, TrafficExtension>,
  ): ExtensionsByNamespace =>
    new Map(
      [
        ...Map.groupBy(
          [...plugins.values(), ...extensions.values()].toSorted(byObjectAge),
          ({ metadata }) => metadata.namespace,
        ),
      ].map(([namespace, own]) => [namespace, sharedList(own)]),
    ),
);

/** Those that run in one proxy: its own namespace's before the mesh's, where nothing else orders them. */
export function extensionsFor(
  all: ExtensionsByNamespace,
  proxy: Pick<Proxy, 'type' | 'namespace' | 'labels'>,
  rootNamespace: string,
): readonly Extension[] {
  const candidates = [...new Set([proxy.namespace, rootNamespace])].flatMap((namespace) => all.get(namespace) ?? []);
  if (candidates.length === 0) return none;
  return ordered(sharedList(candidates.filter((object) => targetedBy(object, proxy, rootNamespace))));
}

const none: readonly Extension[] = [];

const phases: readonly ExtensionPhase[] = ['AUTHN', 'AUTHZ', 'STATS', 'UNSPECIFIED'];

const ordered = memo((objects: readonly Bringing[]): readonly Extension[] =>
  sharedList(
    phases.flatMap((phase) =>
      objects
        .filter(({ spec }) => phaseOf(spec.phase) === phase)
        .toSorted((a, b) => priorityOf(b) - priorityOf(a))
        .map(extension),
    ),
  ),
);

const phaseOf = (phase: string | undefined): ExtensionPhase =>
  phase === 'AUTHN' || phase === 'AUTHZ' || phase === 'STATS' ? phase : 'UNSPECIFIED';

/** One without a priority runs after all that have one; adding a finite number to it changes nothing. */
const priorityOf = ({ spec }: Bringing): number => spec.priority ?? -(2 ** 53);

const extension = memo((object: Bringing): Extension => {
  const { metadata, source } = object;
  const wasm = wasmOf(object);
  const lua = 'lua' in object.spec ? object.spec.lua?.inlineCode : undefined;
  return {
    use: {
      source,
      name: `extensions.istio.io/trafficextension/${metadata.namespace}.${metadata.name}${suffix(object)}`,
      layer: wasm?.type === 'NETWORK' ? 'network' : 'http',
      phase: phaseOf(object.spec.phase),
      match: object.spec.match ?? [],
      ...(lua !== undefined && { lua }),
    },
    ...(wasm !== undefined && { wasm }),
    resourceVersion: metadata.resourceVersion ?? '',
  };
});

/** Istio's names, by which other tools find them. */
const suffix = ({ kind }: Bringing): string => (kind === 'WasmPlugin' ? '~istio-translated-wasmplugin' : '');

const isPlugin = (object: Bringing): object is WasmPlugin => object.kind === 'WasmPlugin';

function wasmOf(object: Bringing): WasmConfig | undefined {
  return isPlugin(object) ? object.spec : object.spec.wasm;
}
