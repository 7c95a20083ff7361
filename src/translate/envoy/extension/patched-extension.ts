// Configurations of extensions that EnvoyFilters bring: one that names a module for an agent to fetch gets the one that the
// control plane has fetched.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/wasm/v3/wasm.proto
import { memo } from '../../../model/memo.ts';
import type { Modules } from '../../../model/external/module-source.ts';
import { moduleKey } from '../../../model/external/module-source.ts';
import { patchedModule } from '../../../model/envoy/patched-module.ts';
import type { Resource } from '../../../model/envoy/resource.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { moduleCode } from './wasm.ts';

type TypedExtensionConfig = MessageOf['envoy.config.core.v3.TypedExtensionConfig'];
type Wasm = MessageOf['envoy.extensions.filters.http.wasm.v3.Wasm'];

export interface PatchedExtension {
  readonly resource: Resource;
  /** Of the EnvoyFilter. */
  readonly namespace: string;
}

/** Undefined as long as its module is not here: proxies wait for it. */
export const patchedExtension = memo(
  (resource: Resource, namespace: string, modules: Modules | undefined): Resource | undefined => {
    const wanted = patchedModule(resource.message, namespace);
    if (wanted === undefined || modules === undefined) return resource;
    const state = modules.states.get(moduleKey(wanted)) ?? { kind: 'pending' };
    // What could stand in for it would have to be among the types that the filter expects: that is up to the user.
    if (state.kind !== 'ready') return undefined;
    const { typed_config: typed, ...message }: TypedExtensionConfig = resource.message;
    const { config = {} } = (typed ?? {}) as Wasm;
    const vm = withoutAgent({ ...config?.vm_config, code: moduleCode(state) });
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
