// The control plane's Deployment: as locked in as Pod Security's `restricted` asks for, with a read-only root.
// https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
import type { Settings } from '../settings.ts';
import { controlPlane, namespaced, selector, serviceSelector } from './names.ts';

export const deployment = (settings: Settings): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: namespaced(settings, controlPlane(settings)),
  spec: {
    ...settings.scale,
    strategy: {
      type: 'RollingUpdate',
      rollingUpdate: { maxSurge: settings.maxSurge, maxUnavailable: settings.maxUnavailable },
    },
    selector: { matchLabels: selector(settings) },
    template: {
      metadata: {
        labels: {
          ...serviceSelector(settings),
          app: 'istiod',
          'istio.io/rev': settings.revision,
          'istio.io/dataplane-mode': 'none',
          'sidecar.istio.io/inject': 'false',
          ...settings.podLabels,
        },
        annotations: {
          'prometheus.io/port': '15014',
          'prometheus.io/scrape': 'true',
          'sidecar.istio.io/inject': 'false',
          ...settings.podAnnotations,
        },
      },
      spec: {
        serviceAccountName: controlPlane(settings),
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [container(settings)],
        ...settings.pod,
      },
    },
  },
});

const container = (settings: Settings): object => ({
  name: 'discovery',
  image: settings.image,
  ...settings.imagePullPolicy,
  args: [
    'serve',
    '--monitoringAddr=:15014',
    `--log_output_level=${settings.logLevel}`,
    `--log_as_json=${settings.logAsJson}`,
    '--domain=cluster.local',
    `--keepaliveMaxServerConnectionAge=${settings.connectionAge}`,
    ...settings.furtherArguments,
  ],
  ports: [
    { name: 'http-debug', containerPort: 8080 },
    { name: 'grpc-xds', containerPort: 15010 },
    { name: 'tls-xds', containerPort: 15012 },
    { name: 'http-monitoring', containerPort: 15014 },
    { name: 'https-webhooks', containerPort: 15017 },
  ],
  env: [
    { name: 'REVISION', value: settings.revision },
    // Injected Pods have this very image in their init container.
    { name: 'KEELSON_IMAGE', value: settings.image },
    { name: 'PILOT_CERT_PROVIDER', value: 'istiod' },
    fieldVariable('POD_NAME', 'metadata.name'),
    fieldVariable('POD_NAMESPACE', 'metadata.namespace'),
    fieldVariable('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    ...settings.env,
  ],
  readinessProbe: {
    httpGet: { path: '/ready', port: 8080 },
    initialDelaySeconds: 1,
    periodSeconds: 3,
    timeoutSeconds: 5,
  },
  resources: settings.resources,
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    capabilities: { drop: ['ALL'] },
  },
});

const fieldVariable = (name: string, fieldPath: string): object => ({
  name,
  valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } },
});
