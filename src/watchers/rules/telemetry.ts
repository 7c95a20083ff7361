// Telemetry: tags and providers of metrics, logs and traces.
// https://istio.io/latest/docs/reference/config/telemetry/
import type { KindMap, Metrics, Tracing } from '../../model/schema/index.ts';
import type { Drafts } from '../draft.ts';
import type { FieldPath } from '../field-path.ts';
import { conflict, doubtful, missing } from '../draft.ts';
import { atMostOne, checkTargets } from './common.ts';

export function* telemetry({ spec }: KindMap['Telemetry']): Drafts {
  yield* checkTargets(spec);
  if ((spec.tracing ?? []).length > 1) yield doubtful(['spec', 'tracing'], 'only the first tracing is used');
  for (const [index, tracing] of (spec.tracing ?? []).entries())
    yield* checkTracing(tracing, ['spec', 'tracing', index]);
  for (const [index, metrics] of (spec.metrics ?? []).entries())
    yield* checkMetrics(metrics, ['spec', 'metrics', index]);
}

function* checkTracing({ providers = [], customTags = {} }: Tracing, path: FieldPath): Drafts {
  if (providers.length > 1) yield doubtful([...path, 'providers'], 'only one provider of traces is used');
  for (const [name, tag] of Object.entries(customTags)) {
    if (name === '') yield missing([...path, 'customTags', name], 'a tag needs a name');
    yield* atMostOne(tag, [...path, 'customTags', name], ['literal', 'environment', 'header', 'formatter']);
  }
}

function* checkMetrics({ overrides = [] }: Metrics, path: FieldPath): Drafts {
  for (const [index, { match, tagOverrides = {} }] of overrides.entries()) {
    if (match) yield* atMostOne(match, [...path, 'overrides', index, 'match'], ['metric', 'customMetric']);
    for (const [name, { operation = 'UPSERT', value }] of Object.entries(tagOverrides)) {
      const at = [...path, 'overrides', index, 'tagOverrides', name];
      if (name === '') yield doubtful(at, 'a tag needs a name');
      if (operation === 'UPSERT' && !value) yield missing([...at, 'value'], 'UPSERT needs a value');
      if (operation === 'REMOVE' && value !== undefined) yield conflict([...at, 'value'], 'REMOVE takes no value');
    }
  }
}
