// RateLimitPolicy: what it is attached to, and attributes of which exactly one is meant.
import { parseDuration } from '../../model/duration.ts';
import type { KindMap, PolicyTargetReference, RequestAttribute } from '../../model/schema/index.ts';
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
}

const targetKinds: Readonly<Record<string, string>> = {
  Gateway: 'gateway.networking.k8s.io',
  HTTPRoute: 'gateway.networking.k8s.io',
  VirtualService: 'networking.istio.io',
};

function* checkTarget({ group = '', kind, name, namespace = '' }: PolicyTargetReference, path: FieldPath): Drafts {
  if (namespace !== '')
    yield unsupported([...path, 'namespace'], 'a policy can only refer to objects of its own namespace');
  if (!/^[a-z0-9][-a-z0-9.]*$/.test(name)) yield invalid([...path, 'name'], `"${name}" is no name of an object`);
  if (!Object.hasOwn(targetKinds, kind) || targetKinds[kind] !== group)
    yield unsupported(
      path,
      `${group === '' ? kind : `${group}/${kind}`} is no target; targets are gateway.networking.k8s.io/Gateway and HTTPRoute, and networking.istio.io/VirtualService`,
    );
}

function* checkSections(spec: Spec): Drafts {
  const { local = [], global, adaptiveConcurrency, admissionControl } = spec;
  if (local.length === 0 && !global && !adaptiveConcurrency && !admissionControl)
    yield doubtful(['spec'], 'nothing is limited: there is neither local nor global nor another section');
  if (!(spec.targetRefs ?? []).some(({ kind }) => kind !== 'Gateway')) return;
  for (const name of ['global', 'adaptiveConcurrency', 'admissionControl'] as const)
    if (spec[name]) yield conflict(['spec', name], 'routes can only have local limits');
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
