// Modules of WebAssembly that extensions run: where an object says they are, and what has become of fetching them.
// https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/
import type { WasmConfig } from '../schema/index.ts';

export interface ModuleSource {
  /** With its scheme: `oci://`, `https://`, `http://`. */
  readonly url: string;
  /** Of the module itself, in hexadecimal; '' if any will do. */
  readonly sha256: string;
  /** `namespace/name` of the Secret to show to the registry; '' for none. */
  readonly pullSecret: string;
  /** With the policy Always a change of the object asks again; '' otherwise. */
  readonly revision: string;
}

export type ModuleState =
  | { readonly kind: 'ready'; readonly sha256: string; readonly bytes: Uint8Array }
  | { readonly kind: 'pending' }
  | { readonly kind: 'unavailable'; readonly reason: string };

/** What the control plane has fetched and checked for proxies. Its identity changes with its content. */
export interface Modules {
  readonly states: ReadonlyMap<string, ModuleState>;
}

export const moduleKey = ({ url, sha256, pullSecret, revision }: ModuleSource): string =>
  JSON.stringify([url, sha256, pullSecret, revision]);

/** Without a scheme it is the name of an image. */
export const moduleUrl = (url: string): string => (/^[a-z][-+.a-z0-9]*:\/\//i.test(url) ? url : `oci://${url}`);

/** Undefined for a file, which the proxy has itself. */
export function moduleSource(
  { url, sha256 = '', imagePullPolicy, imagePullSecret = '' }: WasmConfig,
  namespace: string,
  resourceVersion: string,
): ModuleSource | undefined {
  const full = moduleUrl(url);
  if (/^file:/i.test(full)) return undefined;
  return {
    url: full,
    sha256,
    pullSecret: imagePullSecret === '' ? '' : `${namespace}/${imagePullSecret}`,
    revision: imagePullPolicy === 'Always' ? resourceVersion : '',
  };
}
