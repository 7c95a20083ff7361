// Gateways as meaning: which workloads listen, on which ports and for which hosts, whichever API they were written in.
// Istio's Gateways, the listeners of Gateway API and Ingresses all become these values.
// https://istio.io/latest/docs/reference/config/networking/gateway/
import type { Server } from '../schema/index.ts';
import type { SourceRef } from '../source.ts';

export interface Gateway {
  readonly source: SourceRef;
  /** What routes bind to, with the namespace: made names for other APIs than Istio's. */
  readonly name: string;
  readonly namespace: string;
  readonly created: string;
  readonly workloads: GatewayWorkloads;
  readonly servers: readonly SourcedServer[];
  /** Proxies are deployed for it. */
  readonly deployed?: true;
  /** The credential that it shows to backends whose TLS is Gateway API's doing. */
  readonly clientCertificate?: string;
}

/** Who listens: routers with these labels, wherever they are, or those behind Services of one namespace. */
export type GatewayWorkloads =
  | { readonly by: 'labels'; readonly labels: Readonly<Record<string, string>> }
  | { readonly by: 'services'; readonly namespace: string; readonly hostnames: readonly string[] };

export interface SourcedServer {
  readonly source: SourceRef;
  readonly server: Server;
}
