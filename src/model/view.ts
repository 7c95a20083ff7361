// What one proxy sees of the mesh and has to do in it: selection only. Parts are shared (the same objects) by all
// proxies that see the same, so that whatever is built from a part is built once.
import type { AddressFamilies } from './mesh/address-families.ts';
import type { Extension } from './mesh/extension.ts';
import type { DestinationPolicy, MeshSettings, MtlsMode, Protocol, Service, ServicePort } from './mesh/mesh.ts';
import type { Proxy } from './proxy/proxy.ts';
import type { ConnectionPoolSettings, IstioIngressListener } from './schema/index.ts';
import type { SourceRef } from './source.ts';
import type { WorkloadTelemetry } from './mesh/telemetry.ts';
import type { VirtualService } from './mesh/virtual-service.ts';
import type { LoadLimit, WorkloadPolicies } from './mesh/workload-policies.ts';

export interface ProxyView {
  readonly settings: MeshSettings;
  readonly proxy: Proxy;
  readonly outbound: OutboundView;
  readonly inbound: InboundView;
  /** Those that run in it, in order. */
  readonly extensions: readonly Extension[];
  readonly telemetry: WorkloadTelemetry;
}

/** A service with what this proxy's namespace says about it. */
export interface ServiceView {
  readonly service: Service;
  readonly policy: DestinationPolicy | undefined;
  /** SPIFFE ids its endpoints present, sorted; empty when it has none. */
  readonly subjectAltNames: readonly string[];
  /** Whether mutual TLS may be used towards its endpoints when nothing was configured (auto mTLS). */
  readonly autoMtls: boolean;
  /** Addresses of the ready endpoints, sorted: only for headless services, whose listeners bind them. */
  readonly instanceAddresses: readonly string[];
  /** How much may be under way with it at a time, whoever calls. */
  readonly limits: readonly LoadLimit[];
}

/** A VirtualService with the services its routes lead to, those that this proxy sees. */
export interface VirtualServiceView {
  readonly virtualService: VirtualService;
  readonly destinations: readonly ServiceView[];
}

/** Who sends, as far as routes depend on it. */
export interface Consumer {
  readonly namespace: string;
  /** `shop.svc.cluster.local` */
  readonly dnsDomain: string;
  readonly families: AddressFamilies;
  /** Only when some route looks at the caller's labels; else undefined, so that more proxies share. */
  readonly labels: Readonly<Record<string, string>> | undefined;
}

export interface OutboundView {
  /** Names the group of proxies that share this view (see Layer.scope). */
  readonly scope: string;
  readonly consumer: Consumer;
  /** In the order of the Sidecar object, the one without a port last; exactly that one when there is no Sidecar. */
  readonly egress: readonly EgressListener[];
  readonly unknownDestinations: UnknownDestinations;
  /** All services and policies in sight through any egress listener, each once, in Istio's order. */
  readonly services: readonly ServiceView[];
}

/** Where traffic for hosts outside the mesh goes: to wherever it wanted, nowhere, or one egress proxy's cluster. */
export type UnknownDestinations =
  | { readonly kind: 'allow' }
  | { readonly kind: 'block' }
  | { readonly kind: 'egress-proxy'; readonly source: SourceRef; readonly cluster: string };

export interface EgressListener {
  readonly source: SourceRef;
  /** An explicit listener; absent for the catch-all. Port 0 with a `unix://` bind. */
  readonly port?: { readonly number: number; readonly protocol: Protocol; readonly name: string };
  readonly bind?: string;
  readonly captured: boolean;
  /** In Istio's order: visible to the namespace by name first, then by age, name, namespace. */
  readonly services: readonly ServiceView[];
  /** Those that apply to sidecars ("mesh"), in order of precedence. */
  readonly virtualServices: readonly VirtualServiceView[];
}

export interface InboundView {
  /** Names the group of proxies that share this view (see Layer.scope). */
  readonly scope: string;
  /** Each target port once, ascending. */
  readonly ports: readonly InboundPort[];
  /** Mode of ports that no service names. */
  readonly defaultMtls: MtlsMode;
  /** Modes that differ from the default, by target port, whether or not a service names the port. */
  readonly portMtls: Readonly<Record<number, MtlsMode>>;
  /** The PeerAuthentications behind these modes. */
  readonly mtlsSources: readonly SourceRef[];
  /** Who may talk to the workload. */
  readonly policies: WorkloadPolicies;
}

/** One port of the workload that receives traffic. */
export interface InboundPort {
  readonly source: SourceRef;
  readonly targetPort: number;
  /** The service port it belongs to: its number names routes, its protocol decides the chains. */
  readonly servicePort: ServicePort;
  /** Of the services that lead to the port the oldest: it decides alone. */
  readonly service: Service | undefined;
  readonly mtls: MtlsMode;
  readonly policy: DestinationPolicy | undefined;
  readonly connectionPool: ConnectionPoolSettings | undefined;
  /** The Sidecar's ingress listener behind it; absent for ports derived from services. */
  readonly ingress?: IstioIngressListener;
}
