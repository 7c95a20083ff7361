// MeshConfig and MeshNetworks: the YAML inside the ConfigMap `istio`, under the keys `mesh` and `meshNetworks`.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/
import type { Static } from './fields.ts';
import { anyDuration, boolean, list, map, message, oneOf, port, string } from './fields.ts';
import {
  ClientTLSSettings,
  ConnectionPoolSettings,
  LocalityLoadBalancerSetting,
  OutlierDetection,
  TcpKeepalive,
  ZoneAwareLoadBalancerSetting,
} from './destination-rule.ts';
import { DefaultProviders, ExtensionProvider } from './mesh-config-providers.ts';
import { ProxyConfigSpec } from './mesh-proxy-config.ts';
import { HTTPRetry } from './virtual-service.ts';

export const LabelSelectorRequirement = message({ key: string, operator: string, values: list(string) });
export type LabelSelectorRequirement = Static<typeof LabelSelectorRequirement>;

export const LabelSelector = message({ matchLabels: map(string), matchExpressions: list(LabelSelectorRequirement) });
export type LabelSelector = Static<typeof LabelSelector>;

export const MeshTLSConfig = message({
  minProtocolVersion: oneOf('TLS_AUTO', 'TLSV1_2', 'TLSV1_3'),
  ecdhCurves: list(string),
  cipherSuites: list(string),
});
export type MeshTLSConfig = Static<typeof MeshTLSConfig>;

export const CertificateData = message({
  pem: string,
  spiffeBundleUrl: string,
  certSigners: list(string),
  trustDomains: list(string),
});
export type CertificateData = Static<typeof CertificateData>;

export const ServiceSettings = message({ settings: message({ clusterLocal: boolean }), hosts: list(string) });
export type ServiceSettings = Static<typeof ServiceSettings>;

const visibility = oneOf('VISIBILITY_UNSPECIFIED', 'NONE', 'NAMESPACE', 'PUBLIC');

export const ServiceEntryVisibility = message({
  defaultVisibility: visibility,
  applyToSidecars: boolean,
  policies: list(message({ visibility, matchingRules: list(message({ namespaceSelector: LabelSelector })) })),
});
export type ServiceEntryVisibility = Static<typeof ServiceEntryVisibility>;

const exportTo = list(string);

export const MeshConfigSpec = message({
  proxyListenPort: port,
  proxyInboundListenPort: port,
  proxyHttpPort: port,
  connectTimeout: anyDuration,
  hboneIdleTimeout: anyDuration,
  protocolDetectionTimeout: anyDuration,
  tcpKeepalive: TcpKeepalive,
  ingressClass: string,
  ingressService: string,
  ingressControllerMode: oneOf('UNSPECIFIED', 'OFF', 'DEFAULT', 'STRICT'),
  ingressSelector: string,
  enableTracing: boolean,
  accessLogFile: string,
  accessLogFormat: string,
  accessLogEncoding: oneOf('TEXT', 'JSON'),
  enableEnvoyAccessLogService: boolean,
  disableEnvoyListenerLog: boolean,
  defaultConfig: ProxyConfigSpec,
  outboundTrafficPolicy: message({
    mode: oneOf('REGISTRY_ONLY', 'ALLOW_ANY', 'ALLOW_ANY_DYNAMIC_DNS'),
    tls: ClientTLSSettings,
  }),
  inboundTrafficPolicy: message({ mode: oneOf('PASSTHROUGH', 'LOCALHOST') }),
  configSources: list(
    message({ address: string, tlsSettings: ClientTLSSettings, subscribedResources: list(oneOf('SERVICE_REGISTRY')) }),
  ),
  enableAutoMtls: boolean,
  trustDomain: string,
  trustDomainAliases: list(string),
  caCertificates: list(CertificateData),
  defaultServiceExportTo: exportTo,
  defaultVirtualServiceExportTo: exportTo,
  defaultDestinationRuleExportTo: exportTo,
  rootNamespace: string,
  localityLbSetting: LocalityLoadBalancerSetting,
  zoneAwareLbSetting: ZoneAwareLoadBalancerSetting,
  dnsRefreshRate: anyDuration,
  h2UpgradePolicy: oneOf('DO_NOT_UPGRADE', 'UPGRADE'),
  inboundClusterStatName: string,
  outboundClusterStatName: string,
  certificates: list(message({ secretName: string, dnsNames: list(string) })),
  serviceSettings: list(ServiceSettings),
  serviceScopeConfigs: list(
    message({
      namespaceSelector: LabelSelector,
      servicesSelector: LabelSelector,
      scope: oneOf('LOCAL', 'GLOBAL'),
    }),
  ),
  enablePrometheusMerge: boolean,
  verifyCertificateAtClient: boolean,
  ca: message({ address: string, tlsSettings: ClientTLSSettings, requestTimeout: anyDuration, istiodSide: boolean }),
  extensionProviders: list(ExtensionProvider),
  defaultProviders: DefaultProviders,
  discoverySelectors: list(LabelSelector),
  pathNormalization: message({
    normalization: oneOf('DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'),
  }),
  defaultHttpRetryPolicy: HTTPRetry,
  meshMTLS: MeshTLSConfig,
  tlsDefaults: MeshTLSConfig,
  defaultTrafficPolicy: message({ connectionPool: ConnectionPoolSettings, outlierDetection: OutlierDetection }),
  serviceEntryVisibility: ServiceEntryVisibility,
});
export type MeshConfigSpec = Static<typeof MeshConfigSpec>;

/** One of fromCidr and fromRegistry. */
export const NetworkEndpoints = message({ fromCidr: string, fromRegistry: string });
export type NetworkEndpoints = Static<typeof NetworkEndpoints>;

/** One of registryServiceName and address. */
export const IstioNetworkGateway = message({
  registryServiceName: string,
  address: string,
  port,
  locality: string,
});
export type IstioNetworkGateway = Static<typeof IstioNetworkGateway>;

export const Network = message({ endpoints: list(NetworkEndpoints), gateways: list(IstioNetworkGateway) });
export type Network = Static<typeof Network>;

export const MeshNetworksSpec = message({ networks: map(Network) });
export type MeshNetworksSpec = Static<typeof MeshNetworksSpec>;

export type { ProxyConfigSpec } from './mesh-proxy-config.ts';
