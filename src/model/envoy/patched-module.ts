// Modules that EnvoyFilters bring in configurations of their own (EXTENSION_CONFIG), as Istio's agents are told of them: by an
// address that no cluster leads to.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/#EnvoyFilter-ApplyTo
import type { ModuleSource } from '../external/module-source.ts';

type Fields = Readonly<Record<string, unknown>>;

const wasmTypes: ReadonlySet<unknown> = new Set(
  ['http', 'network'].map((layer) => `type.googleapis.com/envoy.extensions.filters.${layer}.wasm.v3.Wasm`),
);

/** Istio's agents take it for a name of nothing. */
const noCluster = '_';

/**
 * Of a TypedExtensionConfig as the user wrote it; undefined if it has no module that somebody has to fetch for the proxy. A
 * pull secret is only ever one of the EnvoyFilter's own namespace.
 */
export function patchedModule(value: unknown, namespace: string): ModuleSource | undefined {
  const extension = child(value, 'typed_config');
  const vm = child(child(extension, 'config'), 'vm_config');
  const remote = child(child(vm, 'code'), 'remote');
  const { uri, cluster } = child(remote, 'http_uri') as { readonly uri?: unknown; readonly cluster?: unknown };
  if (!wasmTypes.has(extension['@type']) || typeof uri !== 'string') return undefined;
  if (cluster !== noCluster && !/^oci:/i.test(uri)) return undefined;
  const variables = child(child(vm, 'environment_variables'), 'key_values');
  const secret = text(variables['ISTIO_META_WASM_IMAGE_PULL_SECRET']).replace(/^kubernetes:\/\//, '');
  const sha256 = text(remote['sha256']);
  const pullSecret = secret.startsWith(`${namespace}/`) ? secret : '';
  return { url: uri, sha256, pullSecret, revision: '' };
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Fields may be written in either of two ways. */
function child(parent: unknown, name: string): Fields {
  if (!isFields(parent)) return {};
  const found = parent[name] ?? parent[name.replace(/_(.)/g, (_match, letter: string) => letter.toUpperCase())];
  return isFields(found) ? found : {};
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
