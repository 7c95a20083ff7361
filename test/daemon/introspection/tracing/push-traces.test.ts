// What happened for one change, as one trace: in order, nothing twice, and under the number that the log has.
import { expect, test } from 'vitest';

import { PushHistory } from '../../../../src/daemon/introspection/push-history.ts';
import { PushTraces } from '../../../../src/daemon/introspection/tracing/push-traces.ts';
import type { SpanTree } from '../../../../src/daemon/introspection/tracing/span-exporter.ts';
import { resourceTypes } from '../../../../src/model/envoy/resource.ts';
import type { Snapshot } from '../../../../src/model/snapshot.ts';
import { emptySnapshot } from '../../../../src/model/snapshot.ts';

const { cluster, endpoint } = resourceTypes;

const withService = (name: string): Snapshot => {
  const service = { source: { kind: 'Service', namespace: 'shop', name } };
  return { version: 1, objects: { ...emptySnapshot.objects, Service: new Map([[name, service]]) } } as never;
};

function traced() {
  let now = 10_000;
  const exported: SpanTree[] = [];
  const traces = new PushTraces(
    (tree) => exported.push(tree),
    () => now,
  );
  const history = new PushHistory(() => now, traces);
  return { exported, traces, history, pass: (milliseconds: number) => (now += milliseconds) };
}

const outline = ({ name, from, to, children = [] }: SpanTree): unknown => [name, from, to, ...children.map(outline)];

test('from reading to the last answer', () => {
  const { exported, traces, history, pass } = traced();
  history.changed(emptySnapshot, withService('till'), 9_990);
  pass(5);
  history.translated(10_001);
  history.sent(cluster, 2, 100, 0.5, 'a-1');
  history.sent(cluster, 2, 100, 0.25, 'b-2');
  pass(10);
  history.settled(cluster, true, 10, 'b-2');
  pass(10);
  history.settled(cluster, false, 20, 'a-1');
  history.sent(endpoint, 1, 10, 0, 'a-1');
  traces.sweep();
  expect(exported).toEqual([]);
  pass(5);
  history.settled(endpoint, true, 5, 'a-1');
  pass(999);
  traces.sweep();
  expect(exported).toEqual([]);
  pass(1);
  traces.sweep();
  traces.sweep(true);
  expect(exported.map(outline)).toEqual([
    [
      'change',
      9_990,
      10_030,
      ['read', 9_990, 10_000],
      ['translate', 10_001, 10_005],
      ['send', 10_004.5, 10_005, ['reject', 10_005, 10_025]],
      ['send', 10_004.75, 10_005, ['accept', 10_005, 10_015]],
      ['send', 10_025, 10_025, ['accept', 10_025, 10_030]],
    ],
  ]);
  expect(exported[0]?.failed).toBe(true);
  expect(exported[0]?.attributes).toMatchObject({
    'keelson.change': 1,
    'keelson.objects': ['Service shop/till added'],
    'keelson.responses': 3,
    'keelson.rejected': 1,
  });
});

test('a proxy that has gone ends no trace before its time, and keeps none for ever', () => {
  const { exported, traces, history, pass } = traced();
  history.sent(cluster, 1, 10, 1, 'gone-1');
  pass(29_999);
  traces.sweep();
  expect(exported).toEqual([]);
  pass(1);
  traces.sweep();
  expect(exported.map(outline)).toEqual([['proxies', 9_999, 10_000, ['send', 9_999, 10_000]]]);
});

test('a change for very many proxies tells of some of them', () => {
  const { exported, traces, history } = traced();
  for (let i = 0; i < 600; i++) history.sent(cluster, 1, 10, 0, `proxy-${i}`);
  traces.sweep(true);
  expect(exported[0]?.children).toHaveLength(500);
  expect(exported[0]?.attributes).toMatchObject({ 'keelson.responses': 600, 'keelson.responses.untold': 100 });
});
