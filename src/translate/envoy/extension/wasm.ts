// The configuration of a WebAssembly filter: the module, where it comes from, and what it is given.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/wasm/v3/wasm.proto
import type { Extension } from '../../../model/mesh/extension.ts';
import { memo } from '../../../model/memo.ts';
import type { Modules, ModuleState } from '../../../model/external/module-source.ts';
import { moduleKey, moduleSource, moduleUrl } from '../../../model/external/module-source.ts';
import type { Resource } from '../../../model/envoy/resource.ts';
import { resourceTypes } from '../../../model/envoy/resource.ts';
import type { WasmConfig } from '../../../model/schema/index.ts';
import type { Any, MessageOf } from '../../../xds/generated/messages.ts';
import { from } from '../../provenance.ts';
import { typed } from '../../typed.ts';

type PluginConfig = MessageOf['envoy.extensions.wasm.v3.PluginConfig'];
type DataSource = MessageOf['envoy.config.core.v3.AsyncDataSource'];
type TypedExtensionConfig = MessageOf['envoy.config.core.v3.TypedExtensionConfig'];
type ReadyModule = Extract<ModuleState, { kind: 'ready' }>;
type Variables = Readonly<Record<string, string>>;

/** The filter's configuration; undefined while the module is being fetched: then proxies wait for it. */
export const wasmExtension = memo((extension: Extension, wasm: WasmConfig, modules: Modules | undefined) => {
  const { use } = extension;
  const state = modules === undefined ? undefined : stateOf(extension, wasm, modules);
  if (state?.kind === 'pending') return undefined;
  const config =
    state?.kind === 'unavailable'
      ? instead(use.layer, wasm.failStrategy === 'FAIL_OPEN')
      : filterConfig(use.layer, pluginConfig(extension, wasm, state));
  const message: TypedExtensionConfig = { name: use.name, typed_config: config };
  return { type: resourceTypes.extension, name: use.name, message: from(use.source, message) } satisfies Resource;
});

/** Undefined for a file of the proxy's own. */
function stateOf({ use, resourceVersion }: Extension, wasm: WasmConfig, modules: Modules): ModuleState | undefined {
  const wanted = moduleSource(wasm, use.source.namespace, resourceVersion);
  return wanted === undefined ? undefined : (modules.states.get(moduleKey(wanted)) ?? { kind: 'pending' });
}

function filterConfig(layer: 'http' | 'network', config: PluginConfig): Any {
  return layer === 'http'
    ? typed('envoy.extensions.filters.http.wasm.v3.Wasm', { config })
    : typed('envoy.extensions.filters.network.wasm.v3.Wasm', { config });
}

/** Stands in for a module that cannot be had: everything passes, or nothing does. */
export function instead(layer: 'http' | 'network', passes: boolean): Any {
  const rules = passes ? {} : { rules: { action: 'ALLOW' as const, policies: {} } };
  return layer === 'http'
    ? typed('envoy.extensions.filters.http.rbac.v3.RBAC', rules)
    : typed('envoy.extensions.filters.network.rbac.v3.RBAC', { stat_prefix: 'wasm_unavailable', ...rules });
}

function pluginConfig(
  { use, resourceVersion }: Extension,
  wasm: WasmConfig,
  state: ReadyModule | undefined,
): PluginConfig {
  const { pluginConfig: given, pluginName = '', failStrategy } = wasm;
  return {
    name: use.name.slice(use.name.lastIndexOf('/') + 1),
    ...(pluginName !== '' && { root_id: pluginName }),
    vm_config: {
      runtime: 'envoy.wasm.runtime.v8',
      code: state === undefined ? asWritten(wasm) : moduleCode(state),
      environment_variables: environment(wasm, state === undefined ? forAgents(wasm, resourceVersion) : {}),
    },
    configuration:
      given === undefined
        ? ({} as Any)
        : { '@type': 'type.googleapis.com/google.protobuf.StringValue', value: sortedJson(given) },
    failure_policy: policies[failStrategy ?? 'FAIL_CLOSE'],
  };
}

const policies = { FAIL_CLOSE: 'FAIL_CLOSED', FAIL_OPEN: 'FAIL_OPEN', FAIL_RELOAD: 'FAIL_RELOAD' } as const;

/**
 * It stands in the configuration itself: Envoy fetches modules only while a listener starts, never for one that changes later, and
 * lets traffic pass meanwhile.
 */
export const moduleCode = ({ bytes }: ReadyModule): DataSource => ({ local: { inline_bytes: bytes } });

/** For proxies with an agent that fetches modules and puts files in their place. */
function asWritten({ url, sha256 = '' }: WasmConfig): DataSource {
  const uri = moduleUrl(url);
  if (/^file:/i.test(uri)) return { local: { filename: uri.replace(/^file:\/\//i, '') } };
  return { remote: { http_uri: { uri, timeout: '30s', cluster: '_' }, ...(sha256 !== '' && { sha256 }) } };
}

function environment(
  { vmConfig }: WasmConfig,
  more: Variables,
): MessageOf['envoy.extensions.wasm.v3.EnvironmentVariables'] {
  const given = vmConfig?.env ?? [];
  const ofHost = given.filter(({ valueFrom }) => valueFrom === 'HOST').map(({ name }) => name);
  const inline = given.filter(({ valueFrom }) => valueFrom !== 'HOST').map(({ name, value = '' }) => [name, value]);
  return {
    ...(ofHost.length > 0 && { host_env_keys: ofHost }),
    key_values: { ...Object.fromEntries(inline), ...more },
  };
}

/** What such an agent is told; it takes this out again. Secrets are for registries: the daemon shows them there, and nobody else. */
const forAgents = ({ imagePullPolicy, imagePullSecret = '' }: WasmConfig, resourceVersion: string): Variables => ({
  ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION: resourceVersion,
  ...(imagePullSecret !== '' && { ISTIO_META_WASM_IMAGE_PULL_SECRET: '[redacted]' }),
  ...(imagePullPolicy !== undefined &&
    imagePullPolicy !== 'UNSPECIFIED_POLICY' && { ISTIO_META_WASM_IMAGE_PULL_POLICY: imagePullPolicy }),
});

/** The same text for the same content. */
const sortedJson = (value: object): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
