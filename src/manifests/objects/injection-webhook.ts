// Which Pods the API server shows to the control plane before it makes them: by the labels of their namespace and their own.
// https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/
import type { Settings } from '../settings.ts';
import { defaultRevision } from '../settings.ts';
import { clusterWide, controlPlane } from './names.ts';

interface Requirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[];
}

const among = (key: string, ...values: readonly string[]): Requirement => ({ key, operator: 'In', values });
const notAmong = (key: string, ...values: readonly string[]): Requirement => ({ key, operator: 'NotIn', values });
const without = (key: string): Requirement => ({ key, operator: 'DoesNotExist' });

const inject = 'sidecar.istio.io/inject';
const revision = 'istio.io/rev';
const injection = 'istio-injection';
const wanted = among(inject, 'true');
const notUnwanted = notAmong(inject, 'false');
/** Where nothing is injected just because nobody said anything. */
const systemNamespaces = ['kube-system', 'kube-public', 'kube-node-lease', 'local-path-storage'];

/** For the Pods of this revision, and, for the default one, for those that name none. */
export const injectionWebhook = (settings: Settings): object => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'MutatingWebhookConfiguration',
  metadata: injectorMetadata(settings, `istio-sidecar-injector${settings.suffix}`),
  webhooks: [
    ...forRevision(settings, settings.revision),
    ...(settings.revision === defaultRevision ? forNobodyElse(settings) : []),
  ],
});

/** The same control plane under a name that can be moved from one revision to the next. */
export const tagWebhook = (settings: Settings, tag: string): object => {
  const metadata = injectorMetadata(settings, `istio-revision-tag-${tag}`);
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { ...metadata, labels: { ...metadata.labels, 'istio.io/tag': tag } },
    webhooks: [...forRevision(settings, tag), ...(tag === defaultRevision ? forNobodyElse(settings) : [])],
  };
};

/** istioctl finds injectors by this label. */
function injectorMetadata(settings: Settings, name: string) {
  const metadata = clusterWide(settings, name);
  return { ...metadata, labels: { ...metadata.labels, app: 'sidecar-injector' } };
}

const forRevision = (settings: Settings, name: string): readonly object[] => [
  webhook(settings, 'rev.namespace', [among(revision, name), without(injection)], [notUnwanted]),
  webhook(settings, 'rev.object', [without(revision), without(injection)], [notUnwanted, among(revision, name)]),
];

const forNobodyElse = (settings: Settings): readonly object[] => [
  webhook(settings, 'namespace', [among(injection, 'enabled')], [notUnwanted]),
  webhook(settings, 'object', [without(injection), without(revision)], [wanted, without(revision)]),
  ...(settings.injectsByDefault
    ? [
        webhook(
          settings,
          'auto',
          [without(injection), without(revision), notAmong('kubernetes.io/metadata.name', ...systemNamespaces)],
          [without(inject), without(revision)],
        ),
      ]
    : []),
];

const webhook = (
  settings: Settings,
  name: string,
  namespaces: readonly Requirement[],
  objects: readonly Requirement[],
): object => ({
  name: `${name}.sidecar-injector.istio.io`,
  clientConfig: { service: { name: controlPlane(settings), namespace: settings.namespace, path: '/inject', port: 443 } },
  rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
  namespaceSelector: { matchExpressions: namespaces },
  objectSelector: { matchExpressions: objects },
  failurePolicy: 'Fail',
  reinvocationPolicy: settings.reinvocation,
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
});
