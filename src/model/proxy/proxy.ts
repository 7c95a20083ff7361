// A proxy as translation sees it: read once from the node that Envoy sends, with what of users runs inside it.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/core/v3/base.proto#config-core-v3-node

import type { ExtensionUse } from '../mesh/extension.ts';

export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
}

export type InterceptionMode = 'REDIRECT' | 'TPROXY' | 'NONE';

export interface Proxy {
  /** A waypoint stands in front of services for all their callers, which reach it through tunnels. */
  readonly type: 'sidecar' | 'router' | 'waypoint';
  /** `<pod>.<namespace>`, the third part of the node id. */
  readonly id: string;
  readonly namespace: string;
  /** What Envoy calls the group of proxies that it belongs to: `store.shop`. */
  readonly serviceCluster: string;
  /** Never empty; the first one is the primary address. */
  readonly ipAddresses: readonly string[];
  /** `shop.svc.cluster.local`: where its short names are looked up. */
  readonly dnsDomain: string;
  readonly clusterId: string;
  readonly network: string;
  readonly meshId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly workloadName: string;
  readonly canonicalName: string;
  readonly canonicalRevision: string;
  readonly nodeName: string;
  readonly locality: Locality;
  readonly interceptionMode: InterceptionMode;
  /** Envoy answers the workload's DNS queries itself. */
  readonly dnsCapture: boolean;
  /** Port of the explicit HTTP proxy listener, overriding the mesh's. */
  readonly httpProxyPort?: number;
  /** Code of users that is to run in its chains, in this order. */
  readonly extensions?: readonly ExtensionUse[];
  /** As sent, for what only one feature reads. */
  readonly metadata: Readonly<Record<string, unknown>>;
}
