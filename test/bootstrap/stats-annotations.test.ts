import { describe, expect, test } from 'vitest';

import {
  histogramBuckets,
  nodeAnnotations,
  statsAnnotationChecks,
  statsIntervals,
} from '../../src/bootstrap/stats-annotations.ts';

const named = (name: string, value: string) => ({ [`sidecar.istio.io/${name}`]: value });
const usual = { stats_flush_interval: '5s', stats_eviction_interval: '3600s' };

test('buckets are for a prefix, the longer first, and those for metrics of Istio are for what ours are called', () => {
  const annotations = {
    ...named(
      'statsHistogramBuckets',
      '{"istiocustom":[1,10.5,500],"istiocustom.istio_request_bytes":[100],"cluster":[7]}',
    ),
    ...named('statsHistogramBins', '{"cluster":50}'),
  };
  expect(histogramBuckets(annotations)).toEqual([
    { match: { prefix: 'wasmcustom.istio_request_bytes' }, buckets: [100] },
    { match: { prefix: 'wasmcustom' }, buckets: [1, 10.5, 500] },
    { match: { prefix: 'cluster' }, buckets: [7], bins: 50 },
  ]);
});

test.each(['', '[1]', '{"a":[]}', '{"a":[2,1]}', '{"a":[0]}', '{"a":["1"]}', '{"":[1]}', '{"a":[1,1]}'])(
  'buckets %s are refused, and left out',
  (text) => {
    expect(statsAnnotationChecks['sidecar.istio.io/statsHistogramBuckets']?.(text)).toMatch(/write a JSON object/);
    expect(histogramBuckets(named('statsHistogramBuckets', text))).toEqual([]);
  },
);

describe('intervals', () => {
  test.each([
    [{}, usual],
    [named('statsFlushInterval', '10s'), { stats_flush_interval: '10s', stats_eviction_interval: '3600s' }],
    [named('statsFlushInterval', '7s'), { stats_flush_interval: '7s', stats_eviction_interval: '3605s' }],
    [named('statsEvictionInterval', '1m30s'), { stats_flush_interval: '5s', stats_eviction_interval: '90s' }],
    [named('statsEvictionInterval', '11s'), usual],
    [named('statsFlushInterval', '10m'), usual],
    [named('statsFlushInterval', 'often'), usual],
    [
      { ...named('statsFlushInterval', '500ms'), ...named('statsEvictionInterval', '1.5s') },
      { stats_flush_interval: '0.5s', stats_eviction_interval: '1.5s' },
    ],
  ])('%j', (annotations, expected) => {
    expect(statsIntervals(annotations)).toEqual(expected);
  });
});

test('of all annotations a node has those that somebody reads', () => {
  const read = { ...named('statsFlushInterval', '1s'), 'resource.opentelemetry.io/service.name': 'shop' };
  expect(nodeAnnotations({ ...read, 'example.org/token': 'secret', ...named('status', '{}') })).toEqual({
    ANNOTATIONS: read,
  });
  expect(nodeAnnotations({ a: 'b' })).toEqual({});
});
