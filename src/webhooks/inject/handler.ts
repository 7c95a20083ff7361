// Answers the API server about a Pod that is to be created: a patch that adds the sidecar, or leave to go on without.
// https://istio.io/latest/docs/ops/configuration/mesh/injection-concepts/
import type { AdmissionHandler, AdmissionRequest, AdmissionResponse } from '../admission-review.ts';
import { injectPod } from './inject-pod.ts';
import { jsonPatch } from './json-patch.ts';
import type { StringMap } from './pod/pod.ts';
import { podName, readPod } from './pod/pod.ts';
import type { InjectionPlace, InjectionSettings } from './settings.ts';

/** What the handler asks for at every Pod: nothing is remembered in between. */
export interface InjectionSource {
  readonly settings: () => InjectionSettings;
  readonly namespaceLabels: (namespace: string) => StringMap;
  /** Not to be guessed. */
  readonly newToken: () => string;
  /** Told of each decision. */
  readonly onDecision?: (decision: InjectionNote) => void;
}

export interface InjectionNote {
  readonly namespace: string;
  readonly pod: string;
  readonly outcome: 'injected' | 'skipped' | 'refused';
  readonly reason: string;
}

export const injectionHandler =
  (source: InjectionSource): AdmissionHandler =>
  (request, path) =>
    Promise.resolve(answer(request, path, source));

/** `istioctl kube-inject` names the kind of the question where the API server names that of the object. */
const podKinds: ReadonlySet<string> = new Set(['Pod', 'AdmissionRequest']);

function answer(request: AdmissionRequest, path: string, source: InjectionSource): AdmissionResponse {
  if (request.operation !== 'CREATE' || !podKinds.has(request.kind.kind) || request.subResource !== undefined)
    return { allowed: true };
  const read = readPod(request.object);
  if ('fault' in read) return { allowed: false, message: `the Pod cannot be read: ${read.fault}` };
  const { pod } = read;
  const namespace = request.namespace || (pod.metadata.namespace ?? '');
  const place: InjectionPlace = {
    namespace,
    namespaceLabels: source.namespaceLabels(namespace),
    drainToken: source.newToken(),
    ...callerOf(path),
  };
  const injection = injectPod(pod, place, source.settings());
  const note = (outcome: InjectionNote['outcome'], reason: string): void =>
    source.onDecision?.({ namespace, pod: podName(pod), outcome, reason });
  switch (injection.kind) {
    case 'skipped':
      note('skipped', injection.reason);
      return { allowed: true, warnings: injection.warnings };
    case 'refused':
      note('refused', injection.faults.join('; '));
      return {
        allowed: false,
        message: `no sidecar can be added to Pod ${namespace}/${podName(pod)}: ${injection.faults.join('; ')}`,
      };
    case 'injected':
      note('injected', injection.reason);
      return { allowed: true, warnings: injection.warnings, patch: jsonPatch(request.object, injection.pod) };
  }
}

/** `/inject/cluster/C/net/N`, where `--slash--` stands for a slash; `/inject/:ENV:cluster=C:ENV:net=N` is the older way. */
export function callerOf(path: string): Pick<InjectionPlace, 'cluster' | 'network'> {
  const rest = decoded(path.split('?')[0] ?? '').replace(/^\/inject\/?/, '');
  const words = rest.startsWith(':ENV:')
    ? rest
        .split(':ENV:')
        .flatMap((pair) => (pair === '' ? [] : [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
    : rest.split('/').filter((word) => word !== '');
  const said = new Map<string, string>();
  for (let at = 0; at + 1 < words.length; at += 2)
    said.set((words[at] ?? '').toLowerCase(), (words[at + 1] ?? '').replaceAll('--slash--', '/'));
  const cluster = said.get('cluster') ?? said.get('istio_meta_cluster_id');
  const network = said.get('net') ?? said.get('network') ?? said.get('istio_meta_network');
  return { ...(cluster !== undefined && { cluster }), ...(network !== undefined && { network }) };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
