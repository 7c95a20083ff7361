// The one table of kinds: where each is served, by which schema its objects are read, and which rules they must keep.
// All versions of a kind that Istio or Kubernetes serves mean the same.
import type { Kind, KindMap } from '../model/schema/index.ts';
import type { Draft } from './draft.ts';
import type { Rule, RuleContext } from './rules/rule.ts';
import type { SchemaCheck } from './schema/schema-check.ts';
import { bodySchemas } from '../model/schema/index.ts';
import { authorizationPolicy } from './rules/security/authorization-policy.ts';
import { withoutDryRun } from './rules/common.ts';
import { destinationRule } from './rules/traffic-policy/destination-rule.ts';
import { envoyFilter } from './rules/extensions/envoy-filter.ts';
import { trafficExtension, wasmPlugin } from './rules/extensions/extensions.ts';
import { externalProcessor } from './rules/extensions/external-processor.ts';
import { gateway } from './rules/gateway.ts';
import { ingress } from './rules/ingress.ts';
import { endpointSlice, service } from './rules/kubernetes.ts';
import { kubernetesGateway, listenerSet } from './rules/gateway-api/gateway.ts';
import { grpcRoute, httpRoute } from './rules/gateway-api/routes.ts';
import { peerAuthentication } from './rules/security/peer-authentication.ts';
import { proxyConfig } from './rules/proxy-config.ts';
import { rateLimitPolicy } from './rules/rate-limit.ts';
import { requestAuthentication } from './rules/security/request-authentication.ts';
import { serviceEntry, workloadEntry, workloadGroup } from './rules/service-entry.ts';
import { sidecar } from './rules/sidecar.ts';
import { telemetry } from './rules/telemetry.ts';
import { unsupportedFields } from './rules/unsupported-fields.ts';
import { virtualService } from './rules/routing/virtual-service.ts';
import { schemaCheck } from './schema/schema-check.ts';

export interface KindRow<K extends Kind = Kind> {
  readonly kind: K;
  /** What objects of it call themselves: two groups may have a kind of one name. */
  readonly objectKind: string;
  /** '' for Kubernetes' core. */
  readonly group: string;
  /** The preferred one first. */
  readonly versions: readonly string[];
  readonly plural: string;
  readonly namespaced: boolean;
  readonly check: SchemaCheck;
  readonly rules: readonly Rule<K>[];
}

const row = <K extends Kind>(
  kind: K,
  group: string,
  versions: readonly string[],
  plural: string,
  rules: readonly Rule<K>[] = [],
  namespaced = true,
): KindRow<K> => ({
  kind,
  objectKind: kind,
  group,
  versions,
  plural,
  namespaced,
  check: schemaCheck(bodySchemas[kind], kind === 'Secret'),
  rules: group.endsWith('.istio.io') && kind !== 'AuthorizationPolicy' ? [withoutDryRun, ...rules] : rules,
});

const networking = 'networking.istio.io';
const security = 'security.istio.io';
const gatewayApi = 'gateway.networking.k8s.io';
const v1 = ['v1'];
const sinceV1alpha3 = ['v1', 'v1beta1', 'v1alpha3'];
const sinceV1beta1 = ['v1', 'v1beta1'];

export const kindTable: { readonly [K in Kind]: KindRow<K> } = {
  Namespace: row('Namespace', '', v1, 'namespaces', [], false),
  Service: row('Service', '', v1, 'services', [service]),
  Pod: row('Pod', '', v1, 'pods'),
  Node: row('Node', '', v1, 'nodes', [], false),
  ServiceAccount: row('ServiceAccount', '', v1, 'serviceaccounts'),
  Secret: row('Secret', '', v1, 'secrets'),
  ConfigMap: row('ConfigMap', '', v1, 'configmaps'),
  EndpointSlice: row('EndpointSlice', 'discovery.k8s.io', sinceV1beta1, 'endpointslices', [endpointSlice]),
  VirtualService: row('VirtualService', networking, sinceV1alpha3, 'virtualservices', [virtualService]),
  DestinationRule: row('DestinationRule', networking, sinceV1alpha3, 'destinationrules', [destinationRule]),
  ServiceEntry: row('ServiceEntry', networking, sinceV1alpha3, 'serviceentries', [serviceEntry]),
  WorkloadEntry: row('WorkloadEntry', networking, sinceV1alpha3, 'workloadentries', [workloadEntry]),
  WorkloadGroup: row('WorkloadGroup', networking, sinceV1alpha3, 'workloadgroups', [workloadGroup]),
  Sidecar: row('Sidecar', networking, sinceV1alpha3, 'sidecars', [sidecar]),
  Gateway: row('Gateway', networking, sinceV1alpha3, 'gateways', [gateway]),
  KubernetesGateway: {
    ...row('KubernetesGateway', gatewayApi, sinceV1beta1, 'gateways', [kubernetesGateway]),
    objectKind: 'Gateway',
  },
  Ingress: row('Ingress', 'networking.k8s.io', v1, 'ingresses', [ingress]),
  IngressClass: row('IngressClass', 'networking.k8s.io', v1, 'ingressclasses', [], false),
  GatewayClass: row('GatewayClass', gatewayApi, sinceV1beta1, 'gatewayclasses', [], false),
  ListenerSet: row('ListenerSet', gatewayApi, v1, 'listenersets', [listenerSet]),
  HTTPRoute: row('HTTPRoute', gatewayApi, sinceV1beta1, 'httproutes', [httpRoute]),
  GRPCRoute: row('GRPCRoute', gatewayApi, ['v1', 'v1alpha2'], 'grpcroutes', [grpcRoute]),
  TLSRoute: row('TLSRoute', gatewayApi, ['v1', 'v1alpha3', 'v1alpha2'], 'tlsroutes'),
  TCPRoute: row('TCPRoute', gatewayApi, ['v1', 'v1alpha2'], 'tcproutes'),
  UDPRoute: row('UDPRoute', gatewayApi, ['v1', 'v1alpha2'], 'udproutes'),
  ReferenceGrant: row('ReferenceGrant', gatewayApi, ['v1', 'v1beta1', 'v1alpha2'], 'referencegrants'),
  BackendTLSPolicy: row('BackendTLSPolicy', gatewayApi, ['v1', 'v1alpha3'], 'backendtlspolicies'),
  XBackendTrafficPolicy: row('XBackendTrafficPolicy', 'gateway.networking.x-k8s.io', ['v1alpha1'], 'xbackendtrafficpolicies'), // prettier-ignore
  ProxyConfig: row('ProxyConfig', networking, ['v1beta1'], 'proxyconfigs', [proxyConfig]),
  EnvoyFilter: row('EnvoyFilter', networking, ['v1alpha3'], 'envoyfilters', [envoyFilter]),
  PeerAuthentication: row('PeerAuthentication', security, sinceV1beta1, 'peerauthentications', [peerAuthentication]),
  RequestAuthentication: row('RequestAuthentication', security, sinceV1beta1, 'requestauthentications', [
    requestAuthentication,
  ]),
  AuthorizationPolicy: row('AuthorizationPolicy', security, sinceV1beta1, 'authorizationpolicies', [
    authorizationPolicy,
  ]),
  Telemetry: row('Telemetry', 'telemetry.istio.io', ['v1', 'v1alpha1'], 'telemetries', [telemetry]),
  WasmPlugin: row('WasmPlugin', 'extensions.istio.io', ['v1alpha1'], 'wasmplugins', [wasmPlugin]),
  TrafficExtension: row('TrafficExtension', 'extensions.istio.io', ['v1alpha1'], 'trafficextensions', [
    trafficExtension,
  ]),
  RateLimitPolicy: row('RateLimitPolicy', 'policy.keelson.io', ['v1alpha1'], 'ratelimitpolicies', [rateLimitPolicy]),
  ExternalProcessor: row('ExternalProcessor', 'policy.keelson.io', ['v1alpha1'], 'externalprocessors', [
    externalProcessor,
  ]),
};

export const apiVersions = ({ group, versions }: Pick<KindRow, 'group' | 'versions'>): readonly string[] =>
  versions.map((version) => (group === '' ? version : `${group}/${version}`));

export const kindRows = Object.values(kindTable) as readonly unknown[] as readonly KindRow[];

const served = new Map(
  kindRows.flatMap((known) => apiVersions(known).map((version) => [`${version} ${known.objectKind}`, known] as const)),
);

/** The row of objects that call themselves `kind` and are served under `apiVersion` (`v1`, `networking.istio.io/v1`). */
export const findKind = (apiVersion: string, kind: string): KindRow | undefined => served.get(`${apiVersion} ${kind}`);

/** What the rules of `row`'s kind say about an object of that kind, and, if it is in order, what of it has no effect. */
export function applyRules(object: KindMap[Kind], { rules }: KindRow, context: RuleContext): readonly Draft[] {
  const found = rules.flatMap((rule) => [...rule(object, context)]);
  return found.some(({ severity }) => severity === 'error') ? found : [...found, ...unsupportedFields(object)];
}
