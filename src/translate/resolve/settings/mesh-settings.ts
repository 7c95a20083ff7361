// The mesh's settings with Istio's defaults filled in.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig
import type { MessageTypes } from '../../../model/message/descriptor.ts';
import { memo } from '../../../model/memo.ts';
import type { Features, MeshSettings } from '../../../model/mesh/mesh.ts';
import type { MeshConfigSpec, MeshNetworksSpec } from '../../../model/schema/index.ts';
import type { SourceRef } from '../../../model/source.ts';
import { sortedBlocks } from './cidr.ts';

/** What holds for a whole control plane and stands in no object. */
export interface Installation {
  /** The namespace whose policies hold for the whole mesh, and which has the ConfigMap `istio`. */
  readonly systemNamespace: string;
  /** Which of several control planes of a cluster; each has a ConfigMap of its own. */
  readonly revision: string;
  readonly clusterDomain: string;
  readonly clusterId: string;
  readonly features: Features;
  /** Without any, nothing can be patched. */
  readonly types: MessageTypes;
}

export const defaultInstallation: Installation = {
  systemNamespace: 'istio-system',
  revision: 'default',
  clusterDomain: 'cluster.local',
  clusterId: 'Kubernetes',
  features: {
    persistentSessions: false,
    tlsOnSidecarIngress: false,
    multipleAuthorizers: false,
    traceSampling: 1,
    http10: false,
    internalNetworks: false,
    strictGatewayMerging: true,
    gatewaysOfOwnNamespace: false,
    hostOwnership: 'off',
    routedClustersOnly: false,
    http3: false,
    dualStack: false,
    strictGateways: false,
    routeByAddress: false,
    ambient: false,
    remoteKeys: 'never',
  },
  types: { find: () => undefined, fault: () => undefined },
};

/** The ConfigMap with the mesh's settings. */
export const meshConfigName = ({ revision }: Pick<Installation, 'revision'>): string =>
  revision === defaultInstallation.revision ? 'istio' : `istio-${revision}`;

/** The same installation with other features, which knows Envoy's messages. */
export const installationWith = (features: Features, types: MessageTypes): Installation => ({
  ...defaultInstallation,
  features,
  types,
});

export const meshSettings = memo(
  (installation: Installation, config: MeshConfigSpec, networks: MeshNetworksSpec = {}): MeshSettings => {
    const blocks = Object.values(networks.networks ?? {}).flatMap(({ endpoints = [] }) =>
      endpoints.flatMap(({ fromCidr = '' }) => (fromCidr === '' ? [] : fromCidr)),
    );
    const source: SourceRef = {
      kind: 'ConfigMap',
      namespace: installation.systemNamespace,
      name: meshConfigName(installation),
      path: 'data.mesh',
    };
    return {
      ...config,
      source,
      rootNamespace: config.rootNamespace ?? installation.systemNamespace,
      trustDomain: config.trustDomain ?? 'cluster.local',
      clusterDomain: installation.clusterDomain,
      clusterId: installation.clusterId,
      features: installation.features,
      ...(blocks.length > 0 && { internalBlocks: sortedBlocks(blocks) }),
      enableTracing: config.enableTracing ?? true,
      enableAutoMtls: config.enableAutoMtls ?? true,
      connectTimeout: config.connectTimeout ?? '10s',
      protocolDetectionTimeout: config.protocolDetectionTimeout ?? '0s',
      dnsRefreshRate: config.dnsRefreshRate ?? '60s',
      proxyListenPort: config.proxyListenPort ?? 15001,
      proxyInboundListenPort: config.proxyInboundListenPort ?? 15006,
    };
  },
);
