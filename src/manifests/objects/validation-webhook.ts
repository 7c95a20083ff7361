// Which objects the API server shows to the control plane before it stores them: those of a revision, by their label, and
// to the revision that is the cluster's default, all. Until the control plane has seen that it is asked, its
// absence stops nobody; then it changes the failure policy itself.
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#failure-policy
import type { Settings } from '../settings.ts';
import { clusterWide, controlPlane } from './names.ts';

export const istioGroups = ['extensions', 'networking', 'security', 'telemetry'].map((name) => `${name}.istio.io`);

const checkedGroups = [...istioGroups, 'policy.keelson.io'];

export const revisionValidator = (settings: Settings): object => ({
  ...configuration(settings, `istio-validator${settings.suffix}-${settings.namespace}`),
  webhooks: [
    {
      ...webhook(settings, 'rev.validation.istio.io'),
      objectSelector: {
        matchExpressions: [{ key: 'istio.io/rev', operator: 'In', values: [settings.revision] }],
      },
    },
  ],
});

/** For all objects, most of which name no revision. */
export const defaultValidator = (settings: Settings): object => ({
  ...configuration(settings, 'istiod-default-validator'),
  webhooks: [webhook(settings, 'validation.istio.io')],
});

const configuration = (settings: Settings, name: string) => {
  const metadata = clusterWide(settings, name);
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { ...metadata, labels: { ...metadata.labels, istio: 'istiod' } },
  };
};

const webhook = (settings: Settings, name: string) => ({
  name,
  clientConfig: {
    service: { name: controlPlane(settings), namespace: settings.namespace, path: '/validate', port: 443 },
  },
  rules: [{ apiGroups: checkedGroups, apiVersions: ['*'], operations: ['CREATE', 'UPDATE'], resources: ['*'] }],
  failurePolicy: 'Ignore',
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
});
