// The ConfigMaps that the control plane reads: the mesh's settings and those of injection.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/
import type { Settings } from '../settings.ts';
import { namespaced } from './names.ts';

const configMap = (settings: Settings, name: string, data: object): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: namespaced(settings, `${name}${settings.suffix}`),
  data,
});

export const meshConfigMap = (settings: Settings): object =>
  configMap(settings, 'istio', { mesh: settings.mesh, meshNetworks: settings.meshNetworks });

export const injectorConfigMap = (settings: Settings): object =>
  configMap(settings, 'istio-sidecar-injector', { config: settings.injectionConfig, values: settings.injection });
