// One Pod with a sidecar, or why it gets none: from the Pod, its place and the installation's settings, and nothing else.
// https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/
import { annotationFaults } from './pod/annotations.ts';
import { layOver } from './adjust/lay-over.ts';
import { ordered } from './adjust/order.ts';
import { rewriteProbes } from './adjust/probes.ts';
import { mergeMetrics } from './adjust/prometheus.ts';
import { withEnvironment } from './adjust/proxy-environment.ts';
import { decide } from './decision.ts';
import type { EnvVar, Pod } from './pod/pod.ts';
import { annotationsOf } from './pod/pod.ts';
import type { Context } from './render/context.ts';
import { contextOf, proxyName } from './render/context.ts';
import { bootstrapPatches } from './render/bootstrap-patches.ts';
import type { Template } from './render/templates.ts';
import { renderedTemplates, templateNames } from './render/templates.ts';
import type { InjectionPlace, InjectionSettings } from './settings.ts';
import { podWarnings } from './warnings.ts';

export type Injection =
  | { readonly kind: 'skipped'; readonly reason: string; readonly warnings: readonly string[] }
  /** Nothing may be created: what the Pod wants cannot be understood. Sentences for the user. */
  | { readonly kind: 'refused'; readonly faults: readonly string[] }
  | { readonly kind: 'injected'; readonly pod: Pod; readonly reason: string; readonly warnings: readonly string[] };

export const statusAnnotation = 'sidecar.istio.io/status';

export function injectPod(pod: Pod, place: InjectionPlace, settings: InjectionSettings): Injection {
  const { inject, reason, warnings } = decide(pod, place.namespace, settings.injector);
  if (!inject) return { kind: 'skipped', reason, warnings };
  if (isInjected(pod)) return { kind: 'skipped', reason: 'the Pod has its sidecar already', warnings };
  const annotations = annotationsOf(pod);
  const faults = annotationFaults(annotations);
  const names = templateNames(annotations, settings.injector);
  if ('fault' in names) return { kind: 'refused', faults: [...faults, names.fault] };
  if (faults.length > 0) return { kind: 'refused', faults };
  const context = contextOf(pod, settings, place);
  const injected = withTemplates(context, names);
  if ('fault' in injected) return { kind: 'refused', faults: [injected.fault] };
  return { kind: 'injected', pod: injected.pod, reason, warnings: [...warnings, ...podWarnings(context)] };
}

/** By whoever: a second sidecar would fight the first one. */
const isInjected = (pod: Pod): boolean =>
  annotationsOf(pod)[statusAnnotation] !== undefined &&
  [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].some(({ name }) => name === proxyName);

function withTemplates(context: Context, names: readonly string[]): { readonly pod: Pod } | { readonly fault: string } {
  const { statusPort, settings, place, pod } = context;
  const template = renderedTemplates(names, context);
  const metrics = mergeMetrics(annotationsOf(pod), {
    statusPort,
    enabled: settings.mesh.enablePrometheusMerge ?? true,
  });
  if ('fault' in metrics) return metrics;
  const laid = layOver({ ...pod, metadata: { ...pod.metadata, annotations: metrics.annotations } }, template);
  const added: EnvVar[] = metrics.variable === undefined ? [] : [metrics.variable];
  const probed =
    context.rewritesProbes && names.includes('sidecar') ? rewriteProbes(laid, statusPort, isOurs(template)) : undefined;
  if (probed !== undefined && Object.keys(probed.originals).length > 0)
    added.push({ name: 'ISTIO_KUBE_APP_PROBERS', value: JSON.stringify(probed.originals) });
  const { clusterDomain } = settings;
  const complete = withEnvironment(probed?.pod ?? laid, added, {
    statusPort,
    clusterDomain,
    drainToken: place.drainToken,
    bootstrapPatches: bootstrapPatches(context).text,
  });
  const inOrder = ordered(complete, { native: context.native, proxyFirst: context.hold });
  return { pod: withStatus(inOrder, template, settings) };
}

const isOurs = ({ spec }: Template): ((name: string) => boolean) => {
  const names = new Set([...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].map(({ name }) => name));
  return (name) => names.has(name);
};

/** What was added, for tools that show it or take it away again. Empty lists are null, as Istio writes them. */
function withStatus(pod: Pod, { spec }: Template, { revision, injector }: InjectionSettings): Pod {
  const names = (list: readonly { readonly name: string }[] | undefined): readonly string[] | null =>
    list === undefined || list.length === 0 ? null : list.map(({ name }) => name);
  const status = {
    initContainers: names(spec?.initContainers),
    containers: names(spec?.containers),
    volumes: names(spec?.volumes),
    imagePullSecrets: names(spec?.imagePullSecrets),
    revision,
  };
  const annotations = {
    ...annotationsOf(pod),
    ...injector.injectedAnnotations,
    'istio.io/rev': revision,
    [statusAnnotation]: JSON.stringify(status),
  };
  return { ...pod, metadata: { ...pod.metadata, annotations } };
}
