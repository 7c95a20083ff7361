// Everything that an install consists of, in the order in which it can be applied: what each object is, which chart it
// belongs to, and which value leaves it out.
import type { Settings } from './settings.ts';
import { settingsOf } from './settings.ts';
import type { Values } from './values/values.ts';
import { customResourceDefinitions } from './crd/definitions.ts';
import { stableApisOnly } from './objects/admission-policy.ts';
import { injectorConfigMap, meshConfigMap } from './objects/configuration.ts';
import { deployment } from './objects/deployment.ts';
import { ingressGateway } from './objects/ingress-gateway.ts';
import { injectionWebhook, tagWebhook } from './objects/injection-webhook.ts';
import { networkPolicy } from './objects/network-policy.ts';
import { controlPlaneRoles, reader, serviceAccount } from './objects/permissions.ts';
import { autoscaler, disruptionBudget } from './objects/scaling.ts';
import { service, tagService } from './objects/service.ts';
import { defaultValidator, revisionValidator } from './objects/validation-webhook.ts';

export interface Part {
  /** Absent: only in the plain install, because Helm makes it, or another chart does. */
  readonly chart?: 'base' | 'istiod';
  /** The file of the chart. */
  readonly name: string;
  readonly objects: (settings: Settings) => readonly object[];
  /** Absent: always. */
  readonly isWanted?: (values: Values) => boolean;
  /** The same as a condition of Helm. */
  readonly condition?: string;
  /** Helm's expression for the list whose elements are the settings' tags: the objects are those of one of them. */
  readonly each?: string;
}

const one =
  (make: (settings: Settings) => object) =>
  (settings: Settings): readonly object[] => [make(settings)];

const namespace = ({ namespace }: Settings): object => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: namespace },
});

export const parts: readonly Part[] = [
  { name: 'namespace', objects: one(namespace) },
  { chart: 'base', name: 'reader', objects: reader },
  {
    chart: 'base',
    name: 'default-validator',
    objects: one(defaultValidator),
    isWanted: validatesDefault,
    condition: 'ne $v.defaultRevision ``',
  },
  { chart: 'istiod', name: 'service-account', objects: one(serviceAccount) },
  { chart: 'istiod', name: 'roles', objects: controlPlaneRoles },
  {
    chart: 'istiod',
    name: 'mesh-config',
    objects: one(meshConfigMap),
    isWanted: ({ configMap }) => configMap,
    condition: '$v.configMap',
  },
  { chart: 'istiod', name: 'injector-config', objects: one(injectorConfigMap) },
  { chart: 'istiod', name: 'deployment', objects: one(deployment) },
  { chart: 'istiod', name: 'service', objects: one(service) },
  {
    chart: 'istiod',
    name: 'autoscaler',
    objects: one(autoscaler),
    isWanted: ({ autoscaleEnabled }) => autoscaleEnabled,
    condition: '$v.autoscaleEnabled',
  },
  {
    chart: 'istiod',
    name: 'disruption-budget',
    objects: one(disruptionBudget),
    isWanted: (values) => values.global.defaultPodDisruptionBudget.enabled && fewest(values) > 1,
    condition:
      'and $v.global.defaultPodDisruptionBudget.enabled (gt (int (ternary $v.autoscaleMin $v.replicaCount $v.autoscaleEnabled)) 1)',
  },
  {
    chart: 'istiod',
    name: 'network-policy',
    objects: one(networkPolicy),
    isWanted: ({ global }) => global.networkPolicy.enabled,
    condition: '$v.global.networkPolicy.enabled',
  },
  {
    chart: 'istiod',
    name: 'admission-policy',
    objects: stableApisOnly,
    isWanted: ({ experimental }) => experimental.stableValidationPolicy,
    condition: '$v.experimental.stableValidationPolicy',
  },
  { chart: 'istiod', name: 'injection-webhook', objects: one(injectionWebhook) },
  { chart: 'istiod', name: 'validation-webhook', objects: one(revisionValidator) },
  {
    chart: 'istiod',
    name: 'revision-tags',
    each: '$v.revisionTags',
    objects: (settings) => settings.tags.flatMap((tag) => [tagService(settings, tag), tagWebhook(settings, tag)]),
  },
  {
    name: 'ingress-gateway',
    objects: ingressGateway,
    isWanted: ({ gateways }) => gateways['istio-ingressgateway'].enabled,
  },
];

/** All objects of an install, the definitions of the kinds first. */
export function installObjects(values: Values, { crds = true } = {}): readonly object[] {
  const settings = settingsOf(values);
  const wanted = parts.filter(({ isWanted }) => isWanted?.(values) ?? true);
  return [...(crds ? customResourceDefinitions() : []), ...wanted.flatMap(({ objects }) => objects(settings))];
}

/** One control plane of several is the cluster's default. */
function validatesDefault({ defaultRevision, revision }: Values): boolean {
  return defaultRevision !== '' && (revision === '' || revision === defaultRevision);
}

const fewest = ({ autoscaleEnabled, autoscaleMin, replicaCount }: Values): number =>
  autoscaleEnabled ? autoscaleMin : replicaCount;
