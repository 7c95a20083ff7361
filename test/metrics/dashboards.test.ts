// Dashboards and rules: every query is PromQL, asks for metrics that there are, and the rules do what their unit tests say.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { parser } from '@prometheus-io/lezer-promql';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { dashboards, grafana } from '../../scripts/dashboards.ts';
import { findPrometheus } from '../../scripts/prometheus.ts';
import { daemonMetrics } from '../../src/metrics/daemon-metrics.ts';

const manifests = join(import.meta.dirname, '../../manifests');
const textOf = (path: string): string => readFileSync(join(manifests, path), 'utf8');

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly record?: string; readonly alert?: string; readonly expr: string }[];
  }[];
}
const rules = ['keelson', 'mesh'].flatMap((name) =>
  (parse(textOf(`alerts/${name}.yaml`)) as Rules).groups.flatMap((group) => group.rules),
);
const queries = [
  ...rules.map(({ expr }) => expr),
  ...Object.values(dashboards).flatMap(({ panels }) => panels.flatMap((panel) => Object.values(panel.queries))),
].map((query) => query.replaceAll('$__rate_interval', '5m'));

/** Its nodes by name, with their texts. */
function nodes(query: string): readonly (readonly [string, string])[] {
  const found: [string, string][] = [];
  parser.parse(query).iterate({
    enter: ({ type, from, to }) => void found.push([type.isError ? 'error' : type.name, query.slice(from, to)]),
  });
  return found;
}

test.each(queries)('%s is PromQL', (query) => {
  expect(nodes(query).filter(([name]) => name === 'error')).toEqual([]);
});

test('what is no PromQL would be seen', () => {
  expect(nodes('sum by (le (rate(x[5m]))').some(([name]) => name === 'error')).toBe(true);
});

test('every metric that is asked for is counted by somebody', async () => {
  const text = await daemonMetrics('1.0', () => ({
    startedAt: 0,
    now: 0,
    proxies: [],
    services: 0,
    virtualServices: 0,
    problems: { error: 0, warning: 0 },
    quarantined: 0,
    bugs: 0,
    rootExpiry: 0,
    signerExpiry: 0,
  })).text();
  const declared = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  );
  const known = new Set([...declared, ...ofProxies, ...rules.flatMap(({ record }) => record ?? [])]);
  const asked = queries.flatMap((query) =>
    nodes(query)
      .filter(([name, text]) => name === 'Identifier' && /_|:/.test(text))
      .map(([, text]) => text),
  );
  expect(asked.length).toBeGreaterThan(30);
  expect(asked.filter((name) => !known.has(name))).toEqual([]);
});

/** Of Istio's standard metrics, those that are asked for. */
const ofProxies = [
  'istio_requests_total',
  'istio_request_duration_milliseconds_bucket',
  'istio_request_messages_total',
  'istio_response_messages_total',
  'istio_tcp_received_bytes_total',
  'istio_tcp_sent_bytes_total',
];

describe('what is in manifests/dashboards', () => {
  test.each(Object.entries(dashboards))('%s is as it is generated', (name, dashboard) => {
    expect(JSON.parse(textOf(`dashboards/${name}.json`))).toEqual(grafana(dashboard));
  });
  test('is nothing else', () => {
    expect(readdirSync(join(manifests, 'dashboards')).toSorted()).toEqual(
      Object.keys(dashboards)
        .map((name) => `${name}.json`)
        .toSorted(),
    );
  });
});

const run = promisify(execFile);

test('rules do what their unit tests say', async ({ skip }) => {
  const found = await findPrometheus();
  if ('missing' in found) return skip(found.missing);
  const { stdout } = await run(found.promtool, ['test', 'rules', join(manifests, 'alerts/tests.yaml')]);
  expect(stdout).toContain('SUCCESS');
});

test('each rule has a unit test', () => {
  const { tests } = parse(textOf('alerts/tests.yaml')) as UnitTests;
  const tested = new Set(
    tests.flatMap(({ alert_rule_test = [], promql_expr_test = [] }) => [
      ...alert_rule_test.flatMap(({ alertname, exp_alerts }) => (exp_alerts === undefined ? [] : [alertname])),
      ...promql_expr_test.map(({ expr }) => expr),
    ]),
  );
  const names = rules.map(({ record, alert }) => record ?? alert ?? '');
  expect(names.filter((name) => !tested.has(name))).toEqual([]);
});

interface UnitTests {
  readonly tests: readonly {
    readonly alert_rule_test?: readonly { readonly alertname: string; readonly exp_alerts?: unknown }[];
    readonly promql_expr_test?: readonly { readonly expr: string }[];
  }[];
}
