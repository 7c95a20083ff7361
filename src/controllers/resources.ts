// The resources of Kubernetes' own APIs that are written, or asked.
// https://kubernetes.io/docs/reference/kubernetes-api/
import type { ResourceType } from '../kubernetes/resource.ts';

const resource = (group: string, plural: string, namespaced: boolean): ResourceType => ({
  group,
  version: 'v1',
  plural,
  namespaced,
});

export const configMaps = resource('', 'configmaps', true);
export const namespaces = resource('', 'namespaces', false);
export const secrets = resource('', 'secrets', true);
export const services = resource('', 'services', true);
export const serviceAccounts = resource('', 'serviceaccounts', true);
export const deployments = resource('apps', 'deployments', true);
export const autoscalers = { ...resource('autoscaling', 'horizontalpodautoscalers', true), version: 'v2' };
export const budgets = resource('policy', 'poddisruptionbudgets', true);
export const definitions = resource('apiextensions.k8s.io', 'customresourcedefinitions', false);
export const events = resource('events.k8s.io', 'events', true);
export const leases = resource('coordination.k8s.io', 'leases', true);
export const tokenReviews = resource('authentication.k8s.io', 'tokenreviews', false);
export const subjectAccessReviews = resource('authorization.k8s.io', 'subjectaccessreviews', false);
export const mutatingWebhooks = resource('admissionregistration.k8s.io', 'mutatingwebhookconfigurations', false);
export const validatingWebhooks = resource('admissionregistration.k8s.io', 'validatingwebhookconfigurations', false);

/** Who wrote a field, for server-side apply. */
export const fieldManager = 'keelson';
