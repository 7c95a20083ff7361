// RateLimitPolicy: what it is attached to, and attributes of which exactly one is meant.
import { parseDuration } from '../../model/duration.ts';
import type { KindMap, LimitTarget, RequestAttribute } from '../../model/schema/index.ts';
import type { Drafts } from '../draft.ts';
import type { FieldPath } from '../field-path.ts';
import { conflict, doubtful, invalid, missing, unsupported } from '../draft.ts';
import { atMostOne, checkDuration } from './common.ts';
import { checkSelector } from './syntax/labels.ts';

type Spec = KindMap['RateLimitPolicy']['spec'];

export function* rateLimitPolicy({ spec }: KindMap['RateLimitPolicy']): Drafts {
  yield* atMostOne(spec, ['spec'], ['selector', 'targetRefs']);
  if (spec.selector) yield* checkSelector(spec.selector.matchLabels, ['spec', 'selector', 'matchLabels']);
  for (const [i, target] of (spec.targetRefs ?? []).entries()) yield* checkTarget(target, ['spec', 'targetRefs', i]);
  yield* checkSections(spec);
  yield* checkLocal(spec.local ?? []);
  yield* checkGlobal(spec.global);
  yield* checkDurations({ ...spec.adaptiveConcurrency }, ['spec', 'adaptiveConcurrency'], 1);
  yield* checkDurations({ ...spec.admissionControl }, ['spec', 'admissionControl'], 1000);
  yield* checkDurations({ ...spec.retryBudget }, ['spec', 'retryBudget'], 1);
}

type Place = 'gateway' | 'route' | 'service';

const targetKinds: Readonly<Record<string, { readonly group: string; readonly place: Place }>> = {
  Gateway: { group: 'gateway.networking.k8s.io', place: 'gateway' },
  HTTPRoute: { group: 'gateway.networking.k8s.io', place: 'route' },
  VirtualService: { group: 'networking.istio.io', place: 'route' },
  Service: { group: '', place: 'service' },
  ServiceEntry: { group: 'networking.istio.io', place: 'service' },
};

function* checkTarget({ group = '', kind, name, namespace = '' }: LimitTarget, path: FieldPath): Drafts {
  if (namespace !== '')
    yield unsupported([...path, 'namespace'], 'a policy can only refer to objects of its own namespace');
  if (!/^[a-z0-9][-a-z0-9.]*$/.test(name)) yield invalid([...path, 'name'], `"${name}" is no name of an object`);
  if (!Object.hasOwn(targetKinds, kind) || targetKinds[kind]?.group !== group)
    yield unsupported(
      path,
      `${group === '' ? kind : `${group}/${kind}`} is no target; targets are Service, gateway.networking.k8s.io/Gateway and HTTPRoute, networking.istio.io/ServiceEntry and VirtualService`,
    );
}

/** Where requests are looked at, and where they are sent on. */
const sections = {
  local: ['workload', 'gateway', 'route', 'service'],
  global: ['workload', 'gateway', 'service'],
  adaptiveConcurrency: ['workload', 'gateway', 'service'],
  admissionControl: ['workload', 'gateway', 'service'],
  circuitBreaker: ['workload', 'gateway', 'service'],
  retryBudget: ['gateway', 'service'],
} as const satisfies Partial<Record<keyof Spec, readonly (Place | 'workload')[]>>;

const onlyFor: Readonly<Record<keyof typeof sections, string>> = {
  local: '',
  global: 'routes can only have local limits',
  adaptiveConcurrency: 'routes can only have local limits',
  admissionControl: 'routes can only have local limits',
  circuitBreaker: 'what may be under way is limited for workloads, gateways and Services, not for routes',
  retryBudget: 'it is callers that try again: name in targetRefs the Services that they call, or a Gateway',
};

function* checkSections(spec: Spec): Drafts {
  const names = Object.keys(sections) as (keyof typeof sections)[];
  const set = names.filter((name) => (name === 'local' ? (spec.local ?? []).length > 0 : spec[name] !== undefined));
  if (set.length === 0) yield doubtful(['spec'], `nothing is limited: there is none of ${names.join(', ')}`);
  const targets = spec.targetRefs ?? [];
  const places = targets.length === 0 ? ['workload'] : targets.flatMap(({ kind }) => targetKinds[kind]?.place ?? []);
  for (const name of set) {
    const allowed: readonly string[] = sections[name];
    if (places.some((place) => !allowed.includes(place))) yield conflict(['spec', name], onlyFor[name]);
  }
  if (spec.retryBudget && spec.circuitBreaker?.maxRetries !== undefined)
    yield conflict(['spec', 'circuitBreaker', 'maxRetries'], 'a retryBudget takes its place');
}

/** Envoy fills buckets no faster. */
const leastInterval = 50;

function* checkLocal(limits: NonNullable<Spec['local']>): Drafts {
  for (const [i, { per = [], interval, requests, burst, maxValues }] of limits.entries()) {
    const path = ['spec', 'local', i];
    yield* checkDurations({ interval }, path, leastInterval);
    if (burst !== undefined && burst < requests) yield invalid([...path, 'burst'], `burst is less than requests`);
    if (maxValues !== undefined && per.length === 0)
      yield doubtful([...path, 'maxValues'], 'maxValues has no effect without per');
    for (const [j, attribute] of per.entries()) yield* checkAttribute(attribute, [...path, 'per', j]);
  }
}

function* checkGlobal(global: Spec['global']): Drafts {
  if (!global) return;
  yield* checkDurations({ timeout: global.timeout }, ['spec', 'global'], 1);
  for (const [i, { entries }] of global.descriptors.entries())
    for (const [j, { value, key, ...attribute }] of entries.entries()) {
      const path = ['spec', 'global', 'descriptors', i, 'entries', j];
      if (value === undefined) yield* checkAttribute(attribute, path);
      else if (Object.keys(attribute).length > 0) yield conflict(path, 'a value goes with no attribute');
      if (value !== undefined && key === undefined) yield missing([...path, 'key'], 'a value needs a key');
    }
}

function* checkAttribute(attribute: RequestAttribute, path: FieldPath): Drafts {
  const set = Object.entries(attribute);
  if (set.length === 0) yield missing(path, 'one of header, claim, path, principal and address is required');
  if (set.length > 1) yield conflict(path, `${set.map(([name]) => name).join(' and ')} exclude each other`);
  for (const [name, value] of set) if (value === false) yield invalid([...path, name], 'only true means anything');
}

function* checkDurations(fields: Readonly<Record<string, unknown>>, path: FieldPath, least: number): Drafts {
  for (const [name, text] of Object.entries(fields)) {
    if (typeof text !== 'string') continue;
    yield* checkDuration(text, [...path, name]);
    if ((parseDuration(text) ?? least) < least) yield invalid([...path, name], `${text} is less than ${least}ms`);
  }
}
