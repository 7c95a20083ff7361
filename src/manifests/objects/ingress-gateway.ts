// A gateway at the edge of the mesh: a Deployment whose proxy is filled in by injection, and a Service in front of it.
// https://istio.io/latest/docs/setup/additional-setup/gateway/
import type { Settings } from '../settings.ts';
import { namespaced } from './names.ts';

const name = 'istio-ingressgateway';
const selector = { app: name, istio: 'ingressgateway' };
const account = `${name}-service-account`;
const rbac = 'rbac.authorization.k8s.io';

export const ingressGateway = (settings: Settings): readonly object[] => [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: namespaced(settings, account, name) },
  {
    apiVersion: `${rbac}/v1`,
    kind: 'Role',
    metadata: namespaced(settings, `${name}-sds`, name),
    rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list', 'watch'] }],
  },
  {
    apiVersion: `${rbac}/v1`,
    kind: 'RoleBinding',
    metadata: namespaced(settings, `${name}-sds`, name),
    roleRef: { apiGroup: rbac, kind: 'Role', name: `${name}-sds` },
    subjects: [{ kind: 'ServiceAccount', name: account, namespace: settings.namespace }],
  },
  deployment(settings),
  service(settings),
  autoscaler(settings),
];

const deployment = (settings: Settings): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: labelled(settings),
  spec: {
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '100%', maxUnavailable: '25%' } },
    selector: { matchLabels: selector },
    template: {
      metadata: {
        labels: { ...selector, 'sidecar.istio.io/inject': 'true', ...revisionLabel(settings) },
        annotations: {
          'inject.istio.io/templates': 'gateway',
          'prometheus.io/port': '15020',
          'prometheus.io/path': '/stats/prometheus',
          'prometheus.io/scrape': 'true',
        },
      },
      spec: {
        serviceAccountName: account,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        // The image and everything else come with injection. Kubernetes would pull an image without a tag each time, and
        // has said so in the Pod before it is injected.
        containers: [
          {
            name: 'istio-proxy',
            image: 'auto',
            imagePullPolicy: 'IfNotPresent',
            ...settings.imagePullPolicy,
            ports: containerPorts,
          },
        ],
      },
    },
  },
});

/** Without one the default revision injects. */
const revisionLabel = ({ suffix, revision }: Settings): object => (suffix === '' ? {} : { 'istio.io/rev': revision });

const containerPorts = [15021, 8080, 8443].map((containerPort) => ({ containerPort, protocol: 'TCP' }));

const service = (settings: Settings): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: labelled(settings),
  spec: {
    type: 'LoadBalancer',
    selector,
    ports: [
      { name: 'status-port', port: 15021, targetPort: 15021, protocol: 'TCP' },
      { name: 'http2', port: 80, targetPort: 8080, protocol: 'TCP' },
      { name: 'https', port: 443, targetPort: 8443, protocol: 'TCP' },
    ],
  },
});

const autoscaler = (settings: Settings): object => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: labelled(settings),
  spec: {
    minReplicas: 1,
    maxReplicas: 5,
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
    metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }],
  },
});

const labelled = (settings: Settings): object => {
  const metadata = namespaced(settings, name, name);
  return { ...metadata, labels: { ...metadata.labels, ...selector } };
};
