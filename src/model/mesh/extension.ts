// Code of users that runs inside proxies or is asked by them, whichever kind of object brought it: what it is and where in a chain
// it stands.
// https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/
import type { TrafficSelector } from '../schema/common.ts';
import type { ExternalProcessorSpec, WasmConfig } from '../schema/index.ts';
import type { SourceRef } from '../source.ts';
import type { AskedService } from './workload-policies.ts';

/** Where among the filters that decide about a request; those without a phase come last of all. */
export type ExtensionPhase = 'AUTHN' | 'AUTHZ' | 'STATS' | 'UNSPECIFIED';

/** A service that sees requests and responses on their way. */
export interface Processor {
  readonly spec: ExternalProcessorSpec;
  /** Absent: it is not in the mesh. */
  readonly service?: AskedService;
}

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
  readonly processor?: Processor;
}

export interface Extension {
  readonly use: ExtensionUse;
  /** A module and what it is given, where it is one. */
  readonly wasm?: WasmConfig;
  /** Of the object: it changes when a module of the same address may have changed. */
  readonly resourceVersion: string;
}
