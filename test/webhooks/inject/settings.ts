// Settings of injection as a fresh installation has them, for tests.
import type { MeshConfigSpec } from '../../../src/model/schema/index.ts';
import type { InjectionPlace, InjectionSettings } from '../../../src/webhooks/inject/settings.ts';
import { readInjectorConfig } from '../../../src/webhooks/inject/injector-config.ts';

export const mesh: MeshConfigSpec = {
  defaultConfig: { discoveryAddress: 'istiod.istio-system.svc:15012' },
  enablePrometheusMerge: true,
};

export const settingsWith = (changes: Partial<InjectionSettings> = {}): InjectionSettings => ({
  revision: 'default',
  systemNamespace: 'istio-system',
  clusterDomain: 'cluster.local',
  clusterId: 'Kubernetes',
  mesh,
  proxyConfigs: [],
  injector: readInjectorConfig().config,
  images: { envoy: 'docker.io/envoyproxy/envoy:v1.40.0', keelson: 'keelson:test' },
  nativeSidecars: 'auto',
  nodes: [{ name: 'node-1', kubeletVersion: 'v1.34.0' }],
  bootstrapPatches: () => [],
  ...changes,
});

export const place: InjectionPlace = { namespace: 'shop', namespaceLabels: {}, drainToken: 'token-of-the-test' };
