// Every kind that Keelson reads, by name: the schema of its body (all but apiVersion, kind and metadata) and its type.
import type { ObjectBase } from '../object.ts';
import type { Schema, Static } from './fields.ts';
import { message } from './fields.ts';
import * as core from './core.ts';
import { DestinationRuleSpec } from './destination-rule.ts';
import { EndpointSliceBody } from './endpoint-slice.ts';
import { EnvoyFilterSpec } from './envoy-filter.ts';
import { TrafficExtensionSpec, WasmPluginSpec } from './extensions.ts';
import { GatewaySpec } from './gateway.ts';
import { GatewayClassBody, KubernetesGatewayBody, ListenerSetBody } from './gateway-api/gateway.ts';
import { GRPCRouteBody } from './gateway-api/grpc-route.ts';
import { HTTPRouteBody } from './gateway-api/http-route.ts';
import { IngressBody, IngressClassBody } from './ingress.ts';
import { TCPRouteBody, TLSRouteBody, UDPRouteBody } from './gateway-api/l4-routes.ts';
import { BackendTLSPolicyBody, ReferenceGrantBody, XBackendTrafficPolicyBody } from './gateway-api/policies.ts';
import type { MeshConfigSpec, MeshNetworksSpec } from './mesh-config.ts';
import { ProxyConfigResourceSpec } from './proxy-config.ts';
import { ExternalProcessorSpec } from './external-processor.ts';
import { RateLimitPolicySpec } from './rate-limit.ts';
import { AuthorizationPolicySpec, PeerAuthenticationSpec, RequestAuthenticationSpec } from './security.ts';
import { ServiceEntryBody, WorkloadEntryBody, WorkloadGroupSpec } from './service-entry.ts';
import { SidecarSpec } from './sidecar.ts';
import { TelemetrySpec } from './telemetry.ts';
import { VirtualServiceSpec } from './virtual-service.ts';

const spec = <S>(schema: Schema<S>): Schema<{ readonly spec: S }> => message({ spec: schema }, ['spec']);

/** The schema of each kind's body. A missing `spec` or `status` is read as an empty one. */
export const bodySchemas = {
  Namespace: core.NamespaceBody,
  Service: core.ServiceBody,
  Pod: core.PodBody,
  Node: core.NodeBody,
  ServiceAccount: core.ServiceAccountBody,
  Secret: core.SecretBody,
  ConfigMap: core.ConfigMapBody,
  EndpointSlice: EndpointSliceBody,
  VirtualService: spec(VirtualServiceSpec),
  DestinationRule: spec(DestinationRuleSpec),
  ServiceEntry: ServiceEntryBody,
  WorkloadEntry: WorkloadEntryBody,
  WorkloadGroup: spec(WorkloadGroupSpec),
  Sidecar: spec(SidecarSpec),
  Gateway: spec(GatewaySpec),
  Ingress: IngressBody,
  IngressClass: IngressClassBody,
  GatewayClass: GatewayClassBody,
  KubernetesGateway: KubernetesGatewayBody,
  ListenerSet: ListenerSetBody,
  HTTPRoute: HTTPRouteBody,
  GRPCRoute: GRPCRouteBody,
  TLSRoute: TLSRouteBody,
  TCPRoute: TCPRouteBody,
  UDPRoute: UDPRouteBody,
  ReferenceGrant: ReferenceGrantBody,
  BackendTLSPolicy: BackendTLSPolicyBody,
  XBackendTrafficPolicy: XBackendTrafficPolicyBody,
  ProxyConfig: spec(ProxyConfigResourceSpec),
  EnvoyFilter: spec(EnvoyFilterSpec),
  PeerAuthentication: spec(PeerAuthenticationSpec),
  RequestAuthentication: spec(RequestAuthenticationSpec),
  AuthorizationPolicy: spec(AuthorizationPolicySpec),
  Telemetry: spec(TelemetrySpec),
  WasmPlugin: spec(WasmPluginSpec),
  TrafficExtension: spec(TrafficExtensionSpec),
  RateLimitPolicy: spec(RateLimitPolicySpec),
  ExternalProcessor: spec(ExternalProcessorSpec),
} as const;

export type Kind = keyof typeof bodySchemas;

/** What the ConfigMap `istio` means, read once when it is parsed. */
export interface MeshSettings {
  readonly meshConfig?: MeshConfigSpec;
  readonly meshNetworks?: MeshNetworksSpec;
}

/** Kinds whose parsed form differs from what their schema says on the wire. */
interface ParsedBodies {
  readonly Secret: core.SecretFields;
  readonly ConfigMap: Static<typeof core.ConfigMapBody> & MeshSettings & Pick<core.SecretFields, 'bundleFault'>;
}

/** Kind name to the type of its objects. */
export type KindMap = {
  readonly [K in Kind]: ObjectBase & (K extends keyof ParsedBodies ? ParsedBodies[K] : Static<(typeof bodySchemas)[K]>);
};
export type AnyObject = KindMap[Kind];

export type * from './common.ts';
export type * from './core.ts';
export type * from './destination-rule.ts';
export type * from './endpoint-slice.ts';
export type * from './envoy-filter.ts';
export type * from './extensions.ts';
export type * from './external-processor.ts';
export type * from './gateway.ts';
export type * as gatewayApi from './gateway-api/index.ts';
export type * from './ingress.ts';
export type * from './mesh-config.ts';
export type * from './mesh-config-providers.ts';
export type * from './mesh-proxy-config.ts';
export type * from './proxy-config.ts';
export type * from './rate-limit.ts';
export type * from './security.ts';
export type * from './service-entry.ts';
export type * from './sidecar.ts';
export type * from './telemetry.ts';
export type * from './virtual-service.ts';
