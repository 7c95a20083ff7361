// The Service under which proxies, the API server and tools find the control plane, and one for each tag of a revision.
import type { Settings } from '../settings.ts';
import { controlPlane, namespaced, serviceSelector } from './names.ts';

const ports = [
  { name: 'grpc-xds', port: 15010, protocol: 'TCP' },
  { name: 'https-dns', port: 15012, protocol: 'TCP' },
  { name: 'https-webhook', port: 443, targetPort: 15017, protocol: 'TCP' },
  { name: 'http-monitoring', port: 15014, protocol: 'TCP' },
];

const serviceNamed = (settings: Settings, name: string, labels: object): object => {
  const metadata = namespaced(settings, name);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, istio: 'pilot', ...labels },
      annotations: settings.serviceAnnotations,
    },
    spec: { ports, selector: serviceSelector(settings) },
  };
};

export const service = (settings: Settings): object => serviceNamed(settings, controlPlane(settings), {});

export const tagService = (settings: Settings, tag: string): object =>
  serviceNamed(settings, `istiod-revision-tag-${tag}`, { 'istio.io/tag': tag });
