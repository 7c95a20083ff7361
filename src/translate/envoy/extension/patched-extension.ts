// Configurations of extensions that EnvoyFilters bring: one that names a module for an agent to fetch gets the one that the
// control plane has fetched.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/wasm/v3/wasm.proto
import { memo } from '../../../model/memo.ts';
import type { Modules } from '../../../model/module-source.ts';
import { moduleKey } from '../../../model/module-source.ts';
import { patchedModule } from '../../../model/patched-module.ts';
import type { Resource } from '../../../model/resource.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { moduleCode, substitute } from './wasm.ts';

type TypedExtensionConfig = MessageOf['envoy.config.core.v3.TypedExtensionConfig'];
type Wasm = MessageOf['envoy.extensions.filters.http.wasm.v3.Wasm'];

export interface PatchedExtension {
  readonly resource: Resource;
  /** Of the EnvoyFilter. */
  readonly namespace: string;
}

/** Undefined while its module is being fetched. */
export const patchedExtension = memo(
  (resource: Resource, namespace: string, modules: Modules | undefined): Resource | undefined => {
    const wanted = patchedModule(resource.message, namespace);
    if (wanted === undefined || modules === undefined) return resource;
    const state = modules.states.get(moduleKey(wanted)) ?? { kind: 'pending' };
    if (state.kind === 'pending') return undefined;
    const { typed_config: typed, ...message }: TypedExtensionConfig = resource.message;
    const { config = {} } = (typed ?? {}) as Wasm;
    const passes = config?.failure_policy === 'FAIL_OPEN' || config?.fail_open === true;
    if (state.kind === 'unavailable') {
      const layer = typed?.['@type'].includes('.network.') === true ? 'network' : 'http';
      return { ...resource, message: { ...message, typed_config: substitute(layer, passes) } };
    }
    const vm = withoutAgent({ ...config?.vm_config, code: moduleCode(state, passes) });
    return { ...resource, message: { ...message, typed_config: { ...typed, config: { ...config, vm_config: vm } } } };
  },
);

type VmConfig = MessageOf['envoy.extensions.wasm.v3.VmConfig'];

/** What agents are told, secrets among it, is not for the module. */
function withoutAgent({ environment_variables: environment, ...vm }: VmConfig): VmConfig {
  if (!environment) return vm;
  const kept = Object.entries(environment.key_values ?? {}).filter(([name]) => !name.startsWith('ISTIO_META_WASM_'));
  return { ...vm, environment_variables: { ...environment, key_values: Object.fromEntries(kept) } };
}
