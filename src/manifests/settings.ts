// The values of an install, worked out into what its objects say: names with their revision, the image, the text of the
// mesh's configuration. The charts have the same with expressions of Helm in the place of values.
import type { Tree, Values } from './values/values.ts';
import { stringify } from 'yaml';
import { merged } from './values/values.ts';

export interface Settings {
  readonly namespace: string;
  /** What `istio.io/rev` says: `default` when the install has no revision. */
  readonly revision: string;
  /** Behind every name of the control plane: empty, or `-` and the revision. */
  readonly suffix: string;
  readonly tags: readonly string[];
  readonly version: string;
  readonly managedBy: string;
  readonly image: string;
  readonly env: readonly object[];
  readonly logLevel: string;
  readonly logAsJson: boolean;
  readonly furtherArguments: readonly string[];
  readonly connectionAge: string;
  /** `replicas` of the Deployment, unless something else decides about it. */
  readonly scale: Tree;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly targetUtilization: number;
  readonly maxSurge: number | string;
  readonly maxUnavailable: number | string;
  readonly resources: Tree;
  /** Fields of the Pod that stand for themselves: nodeSelector, affinity, tolerations, ... */
  readonly pod: Tree;
  readonly imagePullPolicy: Tree;
  readonly podAnnotations: Tree;
  readonly podLabels: Tree;
  readonly serviceAnnotations: Tree;
  readonly serviceAccountAnnotations: Tree;
  /** YAML. */
  readonly mesh: string;
  readonly meshNetworks: string;
  /** JSON: what injection goes by. */
  readonly injection: string;
  /** YAML: templates, and which are used by default. */
  readonly injectionConfig: string;
  readonly reinvocation: string;
  readonly injectsByDefault: boolean;
}

/** The revision that an install without one has. */
export const defaultRevision = 'default';

export function settingsOf(values: Values): Settings {
  const { global, revision: given } = values;
  const revision = given === '' ? defaultRevision : given;
  const suffix = revision === defaultRevision ? '' : `-${revision}`;
  return {
    namespace: global.istioNamespace,
    revision,
    suffix,
    tags: values.revisionTags,
    version: String(global.tag),
    managedBy: 'keelson',
    image: imageOf(values),
    env: environment(values),
    logLevel: global.logging.level,
    logAsJson: global.logAsJson,
    furtherArguments: values.extraContainerArgs,
    connectionAge: values.keepaliveMaxServerConnectionAge,
    scale: values.autoscaleEnabled ? {} : { replicas: values.replicaCount },
    minReplicas: values.autoscaleMin,
    maxReplicas: values.autoscaleMax,
    targetUtilization: values.cpu.targetAverageUtilization,
    maxSurge: values.rollingMaxSurge,
    maxUnavailable: values.rollingMaxUnavailable,
    resources: values.resources,
    pod: podFields(values),
    imagePullPolicy: filled({ imagePullPolicy: global.imagePullPolicy }),
    podAnnotations: values.podAnnotations,
    podLabels: values.podLabels,
    serviceAnnotations: values.serviceAnnotations,
    serviceAccountAnnotations: values.serviceAccountAnnotations,
    mesh: stringify(merged(meshDefaults(global.istioNamespace, suffix), values.meshConfig)),
    meshNetworks: stringify({ networks: global.meshNetworks }),
    injection: JSON.stringify(
      { global, revision: given, sidecarInjectorWebhook: values.sidecarInjectorWebhook },
      undefined,
      2,
    ),
    injectionConfig: stringify(injectionConfig(values.sidecarInjectorWebhook)),
    reinvocation: String(values.sidecarInjectorWebhook['reinvocationPolicy']),
    injectsByDefault: values.sidecarInjectorWebhook['enableNamespacesByDefault'] === true,
  };
}

/** An image with a path is meant as it stands. */
function imageOf({ image, global: { hub, tag } }: Values): string {
  if (image.includes('/') || image.includes(':')) return image;
  return `${hub === '' ? '' : `${hub}/`}${image}:${tag}`;
}

/** Set by the install itself: to name one twice would be an error. */
export const ownVariables: readonly string[] = [
  'CLUSTER_ID',
  'KEELSON_IMAGE',
  'PILOT_CERT_PROVIDER',
  'POD_NAME',
  'POD_NAMESPACE',
  'REVISION',
  'SERVICE_ACCOUNT',
];

function environment({ env, global }: Values): readonly object[] {
  const further = Object.entries(env).filter(([name]) => !ownVariables.includes(name));
  const variables: Tree = {
    CLUSTER_ID: global.multiCluster.clusterName || 'Kubernetes',
    ...Object.fromEntries(further),
  };
  return Object.entries(variables).map(([name, value]) => ({ name, value: String(value) }));
}

const podFields = ({ nodeSelector, affinity, tolerations, topologySpreadConstraints, global }: Values): Tree =>
  filled({
    nodeSelector,
    affinity,
    tolerations,
    topologySpreadConstraints,
    priorityClassName: global.priorityClassName,
    imagePullSecrets: global.imagePullSecrets.map((name) => ({ name })),
  });

/** Without what is empty. */
const filled = (fields: Tree): Tree =>
  Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) => value !== '' && !(typeof value === 'object' && value !== null && Object.keys(value).length === 0),
    ),
  );

export const meshDefaults = (namespace: string, suffix: string): Tree => ({
  defaultConfig: { discoveryAddress: `istiod${suffix}.${namespace}.svc:15012` },
  defaultProviders: { metrics: ['prometheus'] },
  rootNamespace: namespace,
  trustDomain: 'cluster.local',
});

/** What a policy of injection and its templates are, of the values for it. */
export const injectionConfig = (webhook: Tree): Tree => ({
  policy: 'enabled',
  defaultTemplates: webhook['defaultTemplates'] ?? [],
  neverInjectSelector: webhook['neverInjectSelector'] ?? [],
  alwaysInjectSelector: webhook['alwaysInjectSelector'] ?? [],
  injectedAnnotations: webhook['injectedAnnotations'] ?? {},
  templates: webhook['templates'] ?? {},
});
