// Which of Envoy's own statistics a proxy keeps: few, and what the workload's configuration asks for besides.
// https://istio.io/latest/docs/ops/configuration/telemetry/envoy-stats/
import type { NodeInfo } from '../model/envoy/resource.ts';
import type { MessageOf } from '../xds/generated/messages.ts';

import { ownMetrics } from './metric-names.ts';
import { probeClusters } from './probes.ts';

type StringMatcher = MessageOf['envoy.type.matcher.v3.StringMatcher'];

/** `proxyStatsMatcher` of the node's own configuration, and the annotations of its Pod that say the same. */
export function keptStats(node: NodeInfo | undefined): readonly StringMatcher[] {
  const matcher = record(record(node?.metadata['PROXY_CONFIG'])['proxyStatsMatcher']);
  const annotations = record(node?.metadata['ANNOTATIONS']);
  const asked = (field: string): readonly string[] => [
    ...texts(matcher[`inclusion${field}`]),
    ...listed(annotations[`sidecar.istio.io/statsInclusion${field}`]),
  ];
  return [
    ...always,
    ...asked('Prefixes').map((prefix) => ({ prefix })),
    ...asked('Suffixes').map((suffix) => ({ suffix })),
    ...asked('Regexps')
      .filter(isRegex)
      .map((regex) => ({ safe_regex: { regex } })),
  ];
}

/** Statistics of every cluster and listener would be most of an idle proxy's memory: these are what people look at. */
const always: readonly StringMatcher[] = [
  { prefix: 'cluster_manager' },
  { prefix: 'listener_manager' },
  { prefix: 'server' },
  { prefix: 'cluster.xds-grpc' },
  // The health of an application that is probed is read from these.
  { prefix: `cluster.${probeClusters}` },
  { prefix: ownMetrics },
  { prefix: 'control_plane' },
  { suffix: 'update_rejected' },
  { suffix: 'ssl_context_update_by_sds' },
  { suffix: 'upstream_rq_pending_overflow' },
  { suffix: 'upstream_rq_retry' },
  { suffix: 'outlier_detection.ejections_active' },
];

const longest = 100;

/** With one that it cannot read Envoy would not start: it knows neither looking around nor what was matched before. */
function isRegex(text: string): boolean {
  if (/\(\?[=!<]|\\[1-9]/.test(text)) return false;
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}

/** Envoy refuses an empty one. */
const texts = (value: unknown): readonly string[] =>
  (Array.isArray(value) ? value : []).filter((text) => typeof text === 'string' && text !== '').slice(0, longest);

const listed = (value: unknown): readonly string[] => (typeof value === 'string' ? texts(value.split(',')) : []);

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
