// The settings of an install as expressions over the values of a chart: `$v` are the values, `$revision` the revision.
import type { Tree } from '../values/values.ts';
import type { Settings } from '../settings.ts';
import { defaultRevision, ownVariables } from '../settings.ts';
import { optional, references, scalar, spread, spreadItems, text, variables } from './expressions.ts';

/** What the expressions need: at the beginning of a template of chart `istiod` or `base`. */
export const preamble = (chart: 'base' | 'istiod'): string =>
  [
    // Istio's older charts have the settings of the control plane one level deeper.
    '{{- $v := mergeOverwrite (deepCopy $.Values) ($.Values.pilot | default dict) }}',
    `{{- $revision := $v.${chart === 'base' ? 'defaultRevision' : 'revision'} | default \`${defaultRevision}\` }}`,
    '',
  ].join('\n');

/** Two installs look different enough that a template has both. */
export const isDefault = `eq $revision \`${defaultRevision}\``;

const namespace = '{{ $.Release.Namespace }}';

const mesh = `toYaml (mergeOverwrite (dict
  "defaultConfig" (dict "discoveryAddress" (printf "istiod%s.%s.svc:15012" (ternary "" (printf "-%s" $revision) (eq $revision "${defaultRevision}")) $.Release.Namespace))
  "defaultProviders" (dict "metrics" (list "prometheus"))
  "rootNamespace" $.Release.Namespace
  "trustDomain" "cluster.local") $v.meshConfig)`;

const image =
  '{{ if or (contains `/` $v.image) (contains `:` $v.image) }}{{ $v.image }}{{ else }}{{ with $v.global.hub }}{{ . }}/{{ end }}{{ $v.image }}:{{ $v.global.tag }}{{ end }}';

export function chartSettings(install: 'default' | 'revision', more: Partial<Settings> = {}): Settings {
  const isDefault = install === 'default';
  return {
    namespace,
    revision: isDefault ? defaultRevision : '{{ $revision }}',
    suffix: isDefault ? '' : '-{{ $revision }}',
    tags: [],
    version: '{{ $v.global.tag }}',
    managedBy: '{{ $.Release.Service }}',
    image,
    env: [
      { name: 'CLUSTER_ID', value: '{{ $v.global.multiCluster.clusterName | default `Kubernetes` }}' },
      variables(`omit $v.env ${ownVariables.map((name) => `"${name}"`).join(' ')}`),
    ],
    logLevel: '{{ $v.global.logging.level }}',
    logAsJson: '{{ $v.global.logAsJson }}' as unknown as boolean,
    furtherArguments: [spreadItems('$v.extraContainerArgs')],
    connectionAge: '{{ $v.keepaliveMaxServerConnectionAge }}',
    scale: { replicas: optional('(ternary nil $v.replicaCount $v.autoscaleEnabled)') },
    minReplicas: scalar('$v.autoscaleMin'),
    maxReplicas: scalar('$v.autoscaleMax'),
    targetUtilization: scalar('$v.cpu.targetAverageUtilization'),
    maxSurge: scalar('toJson $v.rollingMaxSurge'),
    maxUnavailable: scalar('toJson $v.rollingMaxUnavailable'),
    resources: optional('$v.resources') as unknown as Tree,
    pod: {
      nodeSelector: optional('$v.nodeSelector'),
      affinity: optional('$v.affinity'),
      tolerations: optional('$v.tolerations'),
      topologySpreadConstraints: optional('$v.topologySpreadConstraints'),
      priorityClassName: optional('$v.global.priorityClassName'),
      imagePullSecrets: references('$v.global.imagePullSecrets'),
    },
    imagePullPolicy: { imagePullPolicy: optional('$v.global.imagePullPolicy') },
    podAnnotations: spread('$v.podAnnotations'),
    podLabels: spread('$v.podLabels'),
    serviceAnnotations: spread('$v.serviceAnnotations'),
    serviceAccountAnnotations: spread('$v.serviceAccountAnnotations'),
    mesh: text(mesh),
    meshNetworks: text('toYaml (dict "networks" $v.global.meshNetworks)'),
    injection: text(
      'toPrettyJson (dict "global" $v.global "revision" $v.revision "sidecarInjectorWebhook" $v.sidecarInjectorWebhook)',
    ),
    injectionConfig: text(injectionConfig),
    reinvocation: '{{ $v.sidecarInjectorWebhook.reinvocationPolicy }}',
    injectsByDefault: false,
    ...more,
  };
}

const injectionConfig = `toYaml (dict "policy" "enabled"
  "defaultTemplates" $v.sidecarInjectorWebhook.defaultTemplates
  "neverInjectSelector" $v.sidecarInjectorWebhook.neverInjectSelector
  "alwaysInjectSelector" $v.sidecarInjectorWebhook.alwaysInjectSelector
  "injectedAnnotations" $v.sidecarInjectorWebhook.injectedAnnotations
  "templates" $v.sidecarInjectorWebhook.templates)`;
