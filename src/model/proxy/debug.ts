// What a control plane tells about itself to those who look for faults, and to whom it tells it. The same over HTTP and
// over xDS, where istioctl asks.
// https://istio.io/latest/docs/ops/diagnostic-tools/proxy-cmd/
import type { WorkloadIdentity } from './identity.ts';
import type { TypeUrl } from '../envoy/resource.ts';

/** Whose proxies a caller may see: everybody's, or those of one namespace. */
export type DebugScope = 'mesh' | { readonly namespace: string };

/** The namespaces of `whole` see the mesh, others themselves. A caller without an identity sees nothing: no scope. */
export function debugScope(identity: WorkloadIdentity | undefined, whole: readonly string[]): DebugScope | undefined {
  if (identity === undefined) return undefined;
  return whole.includes(identity.namespace) ? 'mesh' : { namespace: identity.namespace };
}

export const isInScope = (scope: DebugScope, namespace: string): boolean =>
  scope === 'mesh' || scope.namespace === namespace;

export interface DebugAnswer {
  /** An HTTP status. */
  readonly status: number;
  readonly body: string;
  readonly contentType: string;
}

/** One part of what a proxy is to have, with the bytes of its message. */
export interface DumpSection {
  readonly type: TypeUrl;
  readonly bytes: Uint8Array;
}

export interface DebugSource {
  /** Namespaces whose callers see the whole mesh. */
  readonly systemNamespaces: readonly string[];
  /** What HTTP answers at `/debug/` + `path`; the path may have a query. */
  page(path: string, scope: DebugScope): Promise<DebugAnswer>;
  /** Envoy's config dump as the control plane means it; undefined if the proxy is not connected here. */
  configDump(proxy: string): readonly DumpSection[] | undefined;
  /** JSON: names the replica that answers. */
  readonly controlPlane: string;
}

/** What istioctl looks for, to go on to the next replica. */
export const notConnected = 'Proxy not connected to this Pilot instance. It may be connected to another instance.';
