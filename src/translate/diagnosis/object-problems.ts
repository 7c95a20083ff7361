// Why an object has nothing to say to a proxy: it is for other workloads, or is not exported to where the proxy is.
import type { Problem } from '../../model/problem.ts';
import type { KindMap } from '../../model/schema/index.ts';
import type { SnapshotObjects } from '../../model/snapshot.ts';
import type { SourceRef } from '../../model/source.ts';
import type { ProxyView } from '../../model/view.ts';
import { objectKey } from '../../model/object.ts';
import { at, describeSource } from '../../model/source.ts';
import { hostMatches, resolveHost } from '../resolve/routing/host.ts';
import type { ResolvedMesh } from '../resolve/mesh.ts';
import { isVisible } from '../resolve/scope/visibility.ts';
import { hostProblems } from './host-problems.ts';
import { listed } from './words.ts';

type Labels = Readonly<Record<string, string>>;

/** Kinds that select workloads, and where they say which. */
const selectors = {
  AuthorizationPolicy: ['spec.selector.matchLabels', (object) => object.spec.selector?.matchLabels],
  RequestAuthentication: ['spec.selector.matchLabels', (object) => object.spec.selector?.matchLabels],
  PeerAuthentication: ['spec.selector.matchLabels', (object) => object.spec.selector?.matchLabels],
  Telemetry: ['spec.selector.matchLabels', (object) => object.spec.selector?.matchLabels],
  WasmPlugin: ['spec.selector.matchLabels', (object) => object.spec.selector?.matchLabels],
  EnvoyFilter: ['spec.workloadSelector.labels', (object) => object.spec.workloadSelector?.labels],
  Sidecar: ['spec.workloadSelector.labels', (object) => object.spec.workloadSelector?.labels],
} as const satisfies Partial<{ [K in keyof KindMap]: readonly [string, (object: KindMap[K]) => Labels | undefined] }>;

type SelectingKind = keyof typeof selectors;

/** Empty where nothing keeps the object from the proxy. `kind` is written as the object writes it, in any case. */
export function objectProblems(
  resolved: ResolvedMesh,
  seen: ProxyView,
  objects: SnapshotObjects,
  { kind, namespace, name }: Pick<SourceRef, 'kind' | 'namespace' | 'name'>,
): readonly Problem[] {
  const known = (Object.keys(objects) as (keyof SnapshotObjects)[]).find(
    (each) => each.toLowerCase() === kind.toLowerCase(),
  );
  const object = known && objects[known].get(objectKey(namespace, name));
  if (known === undefined || object === undefined)
    return [{ code: 'unknown-object', severity: 'warning', message: `there is no ${kind} ${namespace}/${name}` }];
  if (known in selectors) return unselected(known as SelectingKind, object as KindMap[SelectingKind], seen);
  if (known === 'VirtualService')
    return ((object as KindMap['VirtualService']).spec.hosts ?? [])
      .flatMap((host) =>
        hostProblems(resolved, seen, objects, resolveHost(host, namespace, seen.settings.clusterDomain)),
      )
      .filter(({ source }) => source?.kind === known && source.name === name && source.namespace === namespace);
  if (known === 'DestinationRule') return unusedRule(resolved, seen, object as KindMap['DestinationRule']);
  return [];
}

const warning = (source: SourceRef, message: string): Problem => ({
  code: 'no-effect',
  severity: 'warning',
  message,
  source,
});

function unselected(
  kind: SelectingKind,
  object: KindMap[SelectingKind],
  { proxy, settings }: ProxyView,
): readonly Problem[] {
  const { source, metadata } = object;
  const { namespace } = metadata;
  if (namespace !== proxy.namespace && namespace !== settings.rootNamespace)
    return [warning(source, `is for workloads of ${namespace}, and the proxy is in ${proxy.namespace}`)];
  const [field, labelsOf] = selectors[kind] as readonly [string, (object: unknown) => Labels | undefined];
  const missing = Object.entries(labelsOf(object) ?? {}).filter(([key, value]) => proxy.labels[key] !== value);
  if (missing.length === 0) return [];
  const has = missing.map(([key]) => (proxy.labels[key] === undefined ? `no ${key}` : `${key}=${proxy.labels[key]}`));
  const asks = missing.map(([key, value]) => `${key}=${value}`);
  return [warning(at(source, field), `selects workloads with ${listed(asks)}, and the proxy has ${listed(has)}`)];
}

function unusedRule(
  { mesh }: ResolvedMesh,
  { proxy, outbound, settings }: ProxyView,
  { source, metadata, spec }: KindMap['DestinationRule'],
): readonly Problem[] {
  const host = resolveHost(spec.host, metadata.namespace, settings.clusterDomain);
  const policy = mesh.destinationPolicies.find(({ sources }) => sources.includes(source));
  if (policy !== undefined && !isVisible(policy.visibility, proxy.namespace))
    return [warning(at(source, 'spec.exportTo'), `is not exported to ${proxy.namespace}; add "${proxy.namespace}" or "*"`)]; // prettier-ignore
  const views = outbound.services.filter(({ service }) => hostMatches(host, service.hostname));
  if (views.length === 0)
    return [warning(at(source, 'spec.host'), `no service that the proxy sees has the host ${host}`)];
  const inForce = views.flatMap(({ policy: used }) => (used === undefined ? [] : [used.sources]));
  const instead = inForce.find((sources) => !sources.includes(source))?.[0];
  if (instead === undefined || inForce.some((sources) => sources.includes(source))) return [];
  const words = `${describeSource(instead)} is in force instead: of several, that of the caller's namespace counts, then that of the most specific host`;
  return [warning(source, words)];
}
