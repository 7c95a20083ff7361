// The mesh's settings as the ConfigMap in which the control plane finds them.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig

export const meshConfigMap = (settings: object) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'istio', namespace: 'istio-system' },
  data: { mesh: JSON.stringify(settings) },
});

/** In which all proxies count Istio's standard metrics. */
export const meteredMesh = meshConfigMap({ defaultProviders: { metrics: ['prometheus'] } });
