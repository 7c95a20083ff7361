// Code of users that runs inside proxies, whichever kind of object brought it: what it is and where in a chain it stands.
// https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/
import type { TrafficSelector } from '../schema/common.ts';
import type { WasmConfig } from '../schema/index.ts';
import type { SourceRef } from '../source.ts';

/** Where among the filters that decide about a request; those without a phase come last of all. */
export type ExtensionPhase = 'AUTHN' | 'AUTHZ' | 'STATS' | 'UNSPECIFIED';

/** What chains need to know of an extension. */
export interface ExtensionUse {
  readonly source: SourceRef;
  /** Of the filter, and of its configuration if that is delivered on its own. */
  readonly name: string;
  /** Whether it sees requests or the bytes of connections. */
  readonly layer: 'http' | 'network';
  readonly phase: ExtensionPhase;
  /** Any one of them; none means all traffic. */
  readonly match: readonly TrafficSelector[];
  /** A script stands in the chain itself. */
  readonly lua?: string;
}

export interface Extension {
  readonly use: ExtensionUse;
  /** A module and what it is given, for all but scripts. */
  readonly wasm?: WasmConfig;
  /** Of the object: it changes when a module of the same address may have changed. */
  readonly resourceVersion: string;
}
