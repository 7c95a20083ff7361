// WasmPlugin and TrafficExtension: user code inside the proxies.
// https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/
import type { Static } from './fields.ts';
import { int32, list, message, oneOf, string, struct, text } from './fields.ts';
import { PolicyTargetReference, PolicyWorkloadSelector, TrafficSelector, targetReferences } from './common.ts';

export const EnvVar = message(
  {
    name: text({ minLength: 1, maxLength: 256 }),
    valueFrom: oneOf('INLINE', 'HOST'),
    value: text({ maxLength: 2048 }),
  },
  ['name'],
);
export type EnvVar = Static<typeof EnvVar>;

const wasmFields = {
  url: text({ minLength: 1 }),
  sha256: text({ pattern: '^([a-f0-9]{64})?$' }),
  imagePullPolicy: oneOf('UNSPECIFIED_POLICY', 'IfNotPresent', 'Always'),
  imagePullSecret: text({ minLength: 1, maxLength: 253 }),
  verificationKey: string,
  pluginConfig: struct,
  pluginName: text({ minLength: 1, maxLength: 256 }),
  failStrategy: oneOf('FAIL_CLOSE', 'FAIL_OPEN', 'FAIL_RELOAD'),
  vmConfig: message({ env: list(EnvVar, { maxItems: 256 }) }),
  type: oneOf('UNSPECIFIED_PLUGIN_TYPE', 'HTTP', 'NETWORK'),
};

export const WasmPluginSpec = message(
  {
    ...wasmFields,
    selector: PolicyWorkloadSelector,
    targetRef: PolicyTargetReference,
    targetRefs: targetReferences,
    phase: oneOf('UNSPECIFIED_PHASE', 'AUTHN', 'AUTHZ', 'STATS'),
    priority: int32,
    match: list(TrafficSelector),
  },
  ['url'],
);
export type WasmPluginSpec = Static<typeof WasmPluginSpec>;

export const WasmConfig = message(wasmFields, ['url']);
export type WasmConfig = Static<typeof WasmConfig>;

export const LuaConfig = message({ inlineCode: text({ minLength: 1, maxLength: 65536 }) }, ['inlineCode']);
export type LuaConfig = Static<typeof LuaConfig>;

/** Exactly one of wasm and lua. */
export const TrafficExtensionSpec = message({
  selector: PolicyWorkloadSelector,
  targetRefs: targetReferences,
  phase: oneOf('UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS'),
  priority: int32,
  match: list(TrafficSelector),
  wasm: WasmConfig,
  lua: LuaConfig,
});
export type TrafficExtensionSpec = Static<typeof TrafficExtensionSpec>;
