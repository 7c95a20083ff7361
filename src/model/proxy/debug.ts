// What a control plane tells about itself to those who look for faults, and to whom it tells it. The same over HTTP and
// over xDS, where istioctl asks.
// https://istio.io/latest/docs/ops/diagnostic-tools/proxy-cmd/
import type { WorkloadIdentity } from './identity.ts';
import type { NodeInfo, TypeUrl } from '../envoy/resource.ts';
import type { ProxyStatus } from './proxy-status.ts';

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
  /** Replicas that are alive and were not heard: their proxies are missing. */
  readonly unheard: readonly string[];
}

/** Proxies of all replicas that were heard. */
export interface ListedProxies {
  readonly proxies: readonly ProxyStatus[];
  readonly unheard: readonly string[];
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
  /** Whom to list to a caller who connects from there: everybody, or who is connected to this replica. */
  proxies(peer: string): Promise<ListedProxies>;
  /** Wherever they are connected. */
  everyProxy(): Promise<ListedProxies>;
  /** Envoy's config dump as the control plane means it. */
  configDump(node: NodeInfo): readonly DumpSection[];
  /** JSON: names the replica that answers, and those that it has not heard. */
  controlPlane(unheard: readonly string[]): string;
}

/** What istioctl looks for, to go on to the next replica. */
export const notConnected = 'Proxy not connected to this Pilot instance. It may be connected to another instance.';
