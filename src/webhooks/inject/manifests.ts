// Injection into what makes Pods: the template of a Deployment, of a CronJob's Job, or the items of a List. Everything else
// passes through.
// https://kubernetes.io/docs/concepts/workloads/controllers/
import { injectPod } from './inject-pod.ts';
import type { Json, Pod } from './pod/pod.ts';
import { isObject, readPod } from './pod/pod.ts';
import type { InjectionPlace, InjectionSettings } from './settings.ts';

export interface ManifestNote {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly outcome: 'injected' | 'skipped' | 'refused';
  readonly reason: string;
  readonly warnings: readonly string[];
}

export interface InjectedManifest {
  /** The very object that came in where nothing was injected. */
  readonly object: unknown;
  readonly notes: readonly ManifestNote[];
}

export interface ManifestOptions {
  /** Of objects that name no namespace. */
  readonly namespace: string;
  /** For one object: the same whenever the object is the same, and not to be guessed without it. */
  readonly drainToken: (object: Json) => string;
}

/** Where kinds have their Pod template. */
const templates: Readonly<Record<string, readonly string[]>> = {
  Deployment: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  DeploymentConfig: ['spec', 'template'],
  Rollout: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
};

/** Lists in lists are taken apart this far. */
const deepest = 8;

export function injectManifest(
  object: unknown,
  settings: InjectionSettings,
  options: ManifestOptions,
  depth = 0,
): InjectedManifest {
  if (!isObject(object)) return { object, notes: [] };
  const { kind, items } = object;
  if (typeof kind !== 'string') return { object, notes: [] };
  if (kind.endsWith('List') && Array.isArray(items) && depth < deepest) {
    const inner = items.map((item: unknown) => injectManifest(item, settings, options, depth + 1));
    return {
      object: { ...object, items: inner.map((each) => each.object) },
      notes: inner.flatMap(({ notes }) => notes),
    };
  }
  const path = kind === 'Pod' ? [] : Object.hasOwn(templates, kind) ? templates[kind] : undefined;
  return path === undefined ? { object, notes: [] } : injectAt(object, kind, path, settings, options);
}

function injectAt(
  object: Json,
  kind: string,
  path: readonly string[],
  settings: InjectionSettings,
  options: ManifestOptions,
): InjectedManifest {
  const metadata = isObject(object['metadata']) ? object['metadata'] : {};
  const namespace = text(metadata['namespace']) || options.namespace;
  const place: InjectionPlace = { namespace, namespaceLabels: {}, drainToken: options.drainToken(object) };
  const named = { kind, namespace, name: text(metadata['name']) };
  const refused = (reason: string): InjectedManifest => ({
    object,
    notes: [{ ...named, outcome: 'refused', reason, warnings: [] }],
  });
  const found = at(object, path);
  if (!isObject(found)) return refused(`${path.join('.')} is no Pod template`);
  const asked = kind === 'Pod' ? found : asPod(found, object);
  const read = readPod(asked);
  if ('fault' in read) return refused(`its Pod cannot be read: ${read.fault}`);
  const injection = injectPod(read.pod, place, settings);
  if (injection.kind === 'refused') return refused(injection.faults.join('; '));
  const note = { ...named, reason: injection.reason, warnings: injection.warnings };
  if (injection.kind === 'skipped') return { object, notes: [{ ...note, outcome: 'skipped' }] };
  const result = kind === 'Pod' ? injection.pod : asTemplate(injection.pod, found);
  return { object: replaced(object, path, result), notes: [{ ...note, outcome: 'injected' }] };
}

/** As the Pod will be when the workload makes it: that one's name is what the proxy goes by. */
function asPod(template: Json, { apiVersion, kind, metadata }: Json): Json {
  const name = isObject(metadata) ? text(metadata['name']) : '';
  const own = isObject(template['metadata']) ? template['metadata'] : {};
  const ownerReferences = [{ apiVersion: text(apiVersion), kind: text(kind), name, controller: true }];
  return { ...template, metadata: { ...own, generateName: `${name}-`, ownerReferences } };
}

function asTemplate(pod: Pod, template: Json): Json {
  const own = isObject(template['metadata']) ? template['metadata'] : {};
  const { labels, annotations } = pod.metadata;
  return { ...pod, metadata: { ...own, labels, annotations } };
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const at = (object: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), object);

function replaced(object: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  const outer = isObject(object) ? object : {};
  return { ...outer, [key]: replaced(outer[key], rest, value) };
}
