// Parts of Pods by name, to be laid over the Pod that asks for them: a sidecar, a gateway, and what the user defined.
// https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#custom-templates-experimental
import { listOf } from '../pod/annotations.ts';
import type { InjectorConfig } from '../injector-config.ts';
import type { Json, Pod, StringMap } from '../pod/pod.ts';
import { strategicMerge } from '../adjust/strategic-merge.ts';
import { initContainer, proxyContainer } from './containers.ts';
import type { Context } from './context.ts';
import { appContainers } from './context.ts';
import { networkLabels } from './environment.ts';
import { cniAnnotations } from './interception.ts';
import { annotatedResources } from './resources.ts';
import { proxyVolumes } from './volumes.ts';

export const templatesAnnotation = 'inject.istio.io/templates';

export interface Template extends Json {
  readonly metadata?: { readonly labels?: StringMap; readonly annotations?: StringMap };
  readonly spec?: Partial<Pod['spec']>;
}

/** Names in the order in which they are laid over each other, or in a sentence why there is no such template. */
export function templateNames(
  annotations: StringMap,
  { defaultTemplates, aliases, templates }: InjectorConfig,
): readonly string[] | { readonly fault: string } {
  const asked = listOf(annotations[templatesAnnotation]);
  const names = (asked.length > 0 ? asked : defaultTemplates).flatMap((name) => aliases[name] ?? [name]);
  const known = ['sidecar', 'gateway', ...Object.keys(templates)];
  for (const name of names) {
    const text = Object.hasOwn(templates, name) ? templates[name] : undefined;
    if (typeof text === 'string')
      return { fault: `the template "${name}" is no YAML of a part of a Pod: templates are not programs here` };
    if (name.startsWith('grpc-'))
      return {
        fault: `the template "${name}" needs an agent in the Pod, and there is none: leave the application's own xDS client to it, or use "sidecar"`,
      };
    if (!known.includes(name)) return { fault: `there is no template "${name}"; there are ${known.join(', ')}` };
  }
  return names;
}

/** All templates as one part of a Pod. */
export const renderedTemplates = (names: readonly string[], context: Context): Template =>
  names.map((name) => rendered(name, context)).reduce<Template>((lower, upper) => strategicMerge(lower, upper), {});

function rendered(name: string, context: Context): Template {
  if (name === 'sidecar') return sidecar(context);
  if (name === 'gateway') return gateway(context);
  const own = context.settings.injector.templates[name];
  return typeof own === 'object' ? own : {};
}

function sidecar(context: Context): Template {
  const init = initContainer(context, 'sidecar');
  const proxy = proxyContainer(context);
  const [first] = appContainers(context);
  const already = context.annotations;
  const shown = first === undefined ? {} : defaultContainers(first.name, already);
  return {
    metadata: {
      labels: {
        'security.istio.io/tlsMode': context.labels['security.istio.io/tlsMode'] ?? 'istio',
        ...canonicalLabels(context),
        ...networkLabels(context),
      },
      annotations: { ...shown, ...cniAnnotations(context) },
    },
    spec: {
      initContainers: context.native ? [init, proxy] : [init],
      ...(!context.native && { containers: [proxy] }),
      volumes: proxyVolumes(context),
      ...pullSecrets(context),
    },
  };
}

/** A router: nothing is redirected to it, and any port is its own to listen on. */
function gateway(context: Context): Template {
  const asGateway: Context = { ...context, native: false, hold: false, mode: 'REDIRECT', cni: false };
  return {
    metadata: { labels: { ...canonicalLabels(context), ...networkLabels(context) } },
    spec: {
      initContainers: [initContainer(asGateway, 'gateway')],
      // What a gateway needs is its owner's to say.
      containers: [{ ...proxyContainer(asGateway), resources: annotatedResources(context) ?? {} }],
      volumes: proxyVolumes(context),
      ...pullSecrets(context),
      securityContext: { sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }] },
    },
  };
}

/** What `kubectl logs` and `kubectl exec` mean without -c. */
function defaultContainers(name: string, already: StringMap): StringMap {
  return {
    'kubectl.kubernetes.io/default-container': already['kubectl.kubernetes.io/default-container'] ?? name,
    'kubectl.kubernetes.io/default-logs-container': already['kubectl.kubernetes.io/default-logs-container'] ?? name,
  };
}

const longestLabel = 63;
const asLabel = (text: string): string => text.slice(0, longestLabel).replace(/[^A-Za-z0-9]+$/, '');

function canonicalLabels({ labels, workload }: Context): StringMap {
  const name =
    labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? labels['app'] ?? workload;
  const revision =
    labels['service.istio.io/canonical-revision'] ??
    labels['app.kubernetes.io/version'] ??
    labels['version'] ??
    'latest';
  return {
    'service.istio.io/canonical-name': asLabel(name),
    'service.istio.io/canonical-revision': asLabel(revision),
  };
}

/** Names of Secrets. */
function pullSecrets({ values }: Context): Pick<NonNullable<Template['spec']>, 'imagePullSecrets'> {
  const names = values.list('global.imagePullSecrets').filter((name) => typeof name === 'string');
  return names.length === 0 ? {} : { imagePullSecrets: names.map((name) => ({ name })) };
}
