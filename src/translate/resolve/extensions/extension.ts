// WasmPlugins, TrafficExtensions and ExternalProcessors as extensions, in the order in which they run: by phase, the highest priority first.
// https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/
import type { Extension, ExtensionPhase } from '../../../model/mesh/extension.ts';
import { memo, sharedList } from '../../../model/memo.ts';
import type { Mesh } from '../../../model/mesh/mesh.ts';
import type { AskedService } from '../../../model/mesh/workload-policies.ts';
import type { ObjectBase } from '../../../model/object.ts';
import type { Problem } from '../../../model/problem.ts';
import type { KindMap, WasmConfig } from '../../../model/schema/index.ts';
import { askedService, nobodyToAsk } from './asked-service.ts';
import { byObjectAge } from '../order.ts';
import { targetedBy } from '../scope/policy-target.ts';
import type { Proxy } from '../../../model/proxy/proxy.ts';

type WasmPlugin = KindMap['WasmPlugin'];
type TrafficExtension = KindMap['TrafficExtension'];
type ExternalProcessor = KindMap['ExternalProcessor'];
type Bringing = WasmPlugin | TrafficExtension | ExternalProcessor;

/** By namespace, in the order in which objects of equal phase and priority run. */
export type ExtensionsByNamespace = ReadonlyMap<string, readonly Bringing[]>;

export const groupExtensions = memo(
  (
    plugins: ReadonlyMap<string, WasmPlugin>,
    extensions: ReadonlyMap<string, TrafficExtension>,
    processors: ReadonlyMap<string, ExternalProcessor>,
  ): ExtensionsByNamespace =>
    new Map(
      [
        ...Map.groupBy(
          [...plugins.values(), ...extensions.values(), ...processors.values()].toSorted(byObjectAge),
          ({ metadata }) => metadata.namespace,
        ),
      ].map(([namespace, own]) => [namespace, sharedList(own)]),
    ),
);

/** Those that run in one proxy: its own namespace's before the mesh's, where nothing else orders them. */
export function extensionsFor(
  all: ExtensionsByNamespace,
  proxy: Pick<Proxy, 'type' | 'namespace' | 'labels'>,
  { settings, services }: Pick<Mesh, 'settings' | 'services'>,
): readonly Extension[] {
  const { rootNamespace } = settings;
  const candidates = [...new Set([proxy.namespace, rootNamespace])].flatMap((namespace) => all.get(namespace) ?? []);
  if (candidates.length === 0) return none;
  const own = ordered(sharedList(candidates.filter((object) => targetedBy(object, proxy, rootNamespace))));
  return sharedList(
    own.map((object) =>
      isProcessor(object)
        ? processor(object, askedService(object.spec, object.metadata.namespace, services, settings))
        : extension(object),
    ),
  );
}

const none: readonly Extension[] = [];

const phases: readonly ExtensionPhase[] = ['AUTHN', 'AUTHZ', 'STATS', 'UNSPECIFIED'];

const ordered = memo((objects: readonly Bringing[]): readonly Bringing[] =>
  sharedList(
    phases.flatMap((phase) =>
      objects.filter(({ spec }) => phaseOf(spec.phase) === phase).toSorted((a, b) => priorityOf(b) - priorityOf(a)),
    ),
  ),
);

const phaseOf = (phase: string | undefined): ExtensionPhase =>
  phase === 'AUTHN' || phase === 'AUTHZ' || phase === 'STATS' ? phase : 'UNSPECIFIED';

/** One without a priority runs after all that have one; adding a finite number to it changes nothing. */
const priorityOf = ({ spec }: Bringing): number => spec.priority ?? -(2 ** 53);

const extension = memo((object: WasmPlugin | TrafficExtension): Extension => {
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
const suffix = ({ kind }: ObjectBase): string => (kind === 'WasmPlugin' ? '~istio-translated-wasmplugin' : '');

const isProcessor = (object: Bringing): object is ExternalProcessor => object.kind === 'ExternalProcessor';

const processor = memo(
  ({ metadata, source, spec }: ExternalProcessor, service: AskedService | undefined): Extension => ({
    use: {
      source,
      name: `keelson.ext_proc.${metadata.namespace}.${metadata.name}`,
      layer: 'http',
      phase: phaseOf(spec.phase),
      match: spec.match ?? [],
      processor: { spec, ...(service !== undefined && { service }) },
    },
    resourceVersion: metadata.resourceVersion ?? '',
  }),
);

/** Processors that nobody knows: then what they would see is refused, or passes without them. */
export const processorProblems = (
  processors: ReadonlyMap<string, ExternalProcessor>,
  { settings, services }: Pick<Mesh, 'settings' | 'services'>,
): readonly Problem[] =>
  [...processors.values()]
    .filter(({ metadata, spec }) => askedService(spec, metadata.namespace, services, settings) === undefined)
    .map((object) => {
      const { service, onFailure } = object.spec;
      const effect = onFailure === 'ALLOW' ? 'requests pass without it' : 'every request is refused';
      return nobodyToAsk(object, 'unknown-processor', 'spec.service', service, effect);
    });

const isPlugin = (object: WasmPlugin | TrafficExtension): object is WasmPlugin => object.kind === 'WasmPlugin';

function wasmOf(object: WasmPlugin | TrafficExtension): WasmConfig | undefined {
  return isPlugin(object) ? object.spec : object.spec.wasm;
}
