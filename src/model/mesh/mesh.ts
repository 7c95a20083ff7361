// The mesh as meaning: services, endpoints, routes and policies, whichever API they were written in. Neither
// shaped like the resources users write nor like Envoy's messages. Every node has its source.
import type { Gateway } from './gateway.ts';
import type { MeshConfigSpec, Subset, TrafficPolicy } from '../schema/index.ts';
import type { Locality } from '../proxy/proxy.ts';
import type { PortKey } from './service-port.ts';
import type { SourceRef } from '../source.ts';
import type { VirtualService } from './virtual-service.ts';
import type { Visibility } from './visibility.ts';

/** What a port speaks. 'Auto' is decided per connection by looking at the first bytes. */
export type Protocol =
  | 'HTTP' | 'HTTP2' | 'HTTP_PROXY' | 'GRPC' | 'GRPC-Web' | 'HTTPS' | 'TLS' | 'TCP' | 'Mongo' | 'MySQL' | 'Redis' | 'UDP' | 'Auto'; // prettier-ignore

export interface ServicePort {
  readonly name: string;
  readonly number: number;
  readonly protocol: Protocol;
  /** A port number or the name of a container's port; absent: the same as `number`. */
  readonly targetPort?: number | string;
}

/**
 * How the addresses behind a service are found: told by us ('endpoints'), by DNS in the proxy ('dns', one answer used
 * at a time: 'dns-round-robin'; per requested host: 'dynamic-dns'), or the caller's own choice ('passthrough').
 */
export type Resolution = 'endpoints' | 'dns' | 'dns-round-robin' | 'dynamic-dns' | 'passthrough';

export interface Service {
  readonly source: SourceRef;
  readonly registry: 'Kubernetes' | 'External';
  /** Fully qualified: `store.shop.svc.cluster.local`, `*.example.com`. */
  readonly hostname: string;
  /** Kubernetes: the Service's name. ServiceEntry: the host. */
  readonly name: string;
  readonly namespace: string;
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: readonly ServicePort[];
  /** Virtual addresses, possibly CIDR blocks; empty when headless or without any. */
  readonly addresses: readonly string[];
  /** Addresses the mesh allocated to a host without any; only for proxies that capture DNS. */
  readonly autoAddresses: readonly string[];
  /** Labels of the workloads behind it; absent when its endpoints are written out. */
  readonly selector?: Readonly<Record<string, string>>;
  readonly headless: boolean;
  readonly resolution: Resolution;
  readonly meshExternal: boolean;
  readonly visibility: Visibility;
  /** Other names that lead here: ExternalName Services, by hostname. */
  readonly aliases: readonly ServiceAlias[];
  /** SPIFFE ids that servers of this service may present, beyond those of its known endpoints. */
  readonly subjectAltNames: readonly string[];
  /** Only endpoints on the caller's own node. */
  readonly nodeLocal: boolean;
  /** Prefer endpoints near the caller even without outlier detection: of its zone, or of its own node first. */
  readonly prefers?: 'zone' | 'node';
  /** A client stays with the endpoint that it talked to first. */
  readonly session?: PersistentSession;
}

/** What carries the endpoint that a client is bound to. */
export type PersistentSession =
  | {
      readonly kind: 'cookie';
      readonly name: string;
      readonly path: string;
      /** How long it is good for; without, as long as the client keeps it. */
      readonly lifetime?: string;
    }
  | { readonly kind: 'header'; readonly name: string };

export interface ServiceAlias {
  readonly source: SourceRef;
  readonly hostname: string;
  readonly name: string;
  readonly namespace: string;
}

export interface Endpoint {
  readonly source: SourceRef;
  /** An IP address, a DNS name (resolution 'dns') or `unix:///path`. */
  readonly address: string;
  /** Of the same workload, tried when the first one does not answer. */
  readonly otherAddresses?: readonly string[];
  /** Target port; 0 for a Unix domain socket. */
  readonly port: number;
  /** Absent for endpoints nobody checks (ServiceEntry). */
  readonly health?: 'healthy' | 'unhealthy' | 'draining';
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly namespace: string;
  /** `WORKLOAD;NAMESPACE;CANONICALNAME;CANONICALREVISION;CLUSTER` */
  readonly workload: string;
  /** Its node, or it itself, takes connections through tunnels. */
  readonly tunnels?: true;
  /** Whether a proxy in front of it terminates mutual TLS. */
  readonly tlsMode: 'istio' | 'disabled';
  readonly locality: Locality;
  readonly network: string;
  readonly nodeName: string;
  /** The Pod's own name in DNS, below that of a headless service. */
  readonly hostname?: string;
  readonly weight?: number;
}

/** Endpoints of one service by service port. Identity changes only with content. */
export type ServiceEndpoints = ReadonlyMap<PortKey, readonly Endpoint[]>;

/** All DestinationRules in force for one host, merged: the oldest rule's traffic policy, the union of the subsets. */
export interface DestinationPolicy {
  /** The oldest first. */
  readonly sources: readonly SourceRef[];
  /** What tools find it by, where it is not the name of the oldest source. */
  readonly name?: string;
  readonly namespace: string;
  readonly host: string;
  readonly created: string;
  readonly visibility: Visibility;
  readonly workloadSelector?: Readonly<Record<string, string>>;
  readonly trafficPolicy?: TrafficPolicy;
  /** The field that `trafficPolicy` was written in. */
  readonly trafficPolicySource: SourceRef;
  readonly subsets: readonly PolicySubset[];
}

export interface PolicySubset extends Subset {
  readonly source: SourceRef;
}

/** MeshConfig with its defaults filled in. */
export interface MeshSettings extends MeshConfigSpec {
  readonly source: SourceRef;
  readonly rootNamespace: string;
  readonly trustDomain: string;
  readonly clusterDomain: string;
  readonly clusterId: string;
  readonly features: Features;
  /** Blocks of addresses that are the mesh's networks, in order; absent without any. */
  readonly internalBlocks?: readonly AddressBlock[];
}

export interface AddressBlock {
  readonly address: string;
  readonly length: number;
}

/** What Istio has behind environment variables of the control plane. */
export interface Features {
  /** PILOT_ENABLE_PERSISTENT_SESSION_FILTER */
  readonly persistentSessions: boolean;
  /** ENABLE_TLS_ON_SIDECAR_INGRESS */
  readonly tlsOnSidecarIngress: boolean;
  /** PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS */
  readonly multipleAuthorizers: boolean;
  /** PILOT_TRACE_SAMPLING: percent of the requests that are traced where nothing else says how many. */
  readonly traceSampling: number;
  /** PILOT_HTTP10: whether every proxy takes requests of HTTP/1.0. */
  readonly http10: boolean;
  /** ENABLE_HCM_INTERNAL_NETWORKS: whether sidecars, too, take clients of the mesh's networks for its own. */
  readonly internalNetworks: boolean;
  /** PILOT_ENABLE_STRICT_GATEWAY_MERGING: whether what is deployed for a Gateway of Gateway API serves Istio's Gateways of its namespace only. */
  readonly strictGatewayMerging: boolean;
  /** PILOT_SCOPE_GATEWAY_TO_NAMESPACE: whether a Gateway selects workloads of its own namespace only. */
  readonly gatewaysOfOwnNamespace: boolean;
  /** KEELSON_HOST_OWNERSHIP: what becomes of objects that claim hosts of other namespaces for everybody. */
  readonly hostOwnership: 'off' | 'warn' | 'enforce';
  /** PILOT_FILTER_GATEWAY_CLUSTER_CONFIG: whether gateways have clusters only for what their routes lead to. */
  readonly routedClustersOnly: boolean;
  /** PILOT_ENABLE_QUIC_LISTENERS: whether HTTPS servers are offered over QUIC where a Service has the port for UDP. */
  readonly http3: boolean;
  /** ISTIO_DUAL_STACK: whether workloads with addresses of both families use both. */
  readonly dualStack: boolean;
  /** KEELSON_STRICT_GATEWAYS: whether gateways do all that Gateway API asks for, where Istio does less. */
  readonly strictGateways: boolean;
  /** KEELSON_ROUTE_BY_ADDRESS: whether sidecars tell Services apart by their addresses rather than by the host of a request. */
  readonly routeByAddress: boolean;
  /** PILOT_ENABLE_AMBIENT: whether there are proxies of nodes, and policies are told what waypoints and those make of them. */
  readonly ambient: boolean;
  /** PILOT_JWT_ENABLE_REMOTE_JWKS: whether proxies fetch key sets themselves, from any host or from known ones only. */
  readonly remoteKeys: 'never' | 'known-hosts' | 'always';
}

export type MtlsMode = 'STRICT' | 'PERMISSIVE' | 'DISABLE';

/** Where connections from other networks come in. */
export interface NetworkGateway {
  readonly source: SourceRef;
  readonly network: string;
  /** '' when it is no Service of a cluster that we know. */
  readonly cluster: string;
  readonly address: string;
  readonly port: number;
}

/** Networks that cannot reach each other but through gateways. */
export interface Networks {
  /** By network; those without any are reached directly. */
  readonly gateways: ReadonlyMap<string, readonly NetworkGateway[]>;
  /** Every weight is multiplied by it, so that a weight can be divided among the gateways of any network. */
  readonly weightScale: number;
}

export interface Mesh {
  readonly settings: MeshSettings;
  /** By creation time, name, namespace. */
  readonly services: readonly Service[];
  /** By `serviceKey`: services of one host and namespace share their endpoints. */
  readonly endpoints: ReadonlyMap<string, ServiceEndpoints>;
  /** By creation time, name, namespace. */
  readonly virtualServices: readonly VirtualService[];
  /** Of all APIs, by creation time, name, namespace. */
  readonly gateways: readonly Gateway[];
  readonly destinationPolicies: readonly DestinationPolicy[];
  /** undefined as long as no network has a gateway: then there is only one, whatever its parts are called. */
  readonly networks: Networks | undefined;
}

export const serviceKey = (service: Service): string => `${service.namespace}/${service.hostname}`;
