// The tags of spans: who the workload is, what policies in dry run would have decided, and what users add.
// https://istio.io/latest/docs/tasks/observability/distributed-tracing/telemetry-api/
import type { CustomTag as AskedTag } from '../../../model/schema/index.ts';
import type { SelfLabel } from '../../../model/proxy/self-labels.ts';
import { selfVariables } from '../../../model/proxy/self-labels.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import type { Traced, TracedWorkload } from './traced.ts';

type CustomTag = MessageOf['envoy.type.tracing.v3.CustomTag'];
type Asked = Readonly<Record<string, AskedTag>>;

/** By name. `asked` are the user's. */
export const spanTags = (workload: Traced['workload'], asked: Asked): readonly CustomTag[] =>
  [...(workload === undefined ? [] : [...dryRunTags, ...workloadTags(workload)]), ...userTags(asked)].toSorted(
    (a, b) => ((a.tag ?? '') < (b.tag ?? '') ? -1 : 1),
  );

const userTags = (asked: Asked): readonly CustomTag[] =>
  Object.entries(asked).flatMap(([tag, { literal, environment, header, formatter }]): readonly CustomTag[] => {
    if (literal !== undefined) return [{ tag, literal: { value: literal.value } }];
    if (environment !== undefined) return [{ tag, environment: named(environment) }];
    if (header !== undefined) return [{ tag, request_header: named(header) }];
    return formatter === undefined ? [] : [{ tag, value: formatter.value }];
  });

const named = ({
  name,
  defaultValue,
}: {
  readonly name: string;
  readonly defaultValue?: string;
}): { name: string; default_value?: string } => ({
  name,
  ...(defaultValue !== undefined && { default_value: defaultValue }),
});

const workloadTags = (workload: NonNullable<Traced['workload']>): readonly CustomTag[] =>
  workload === 'environment'
    ? ownTags.map(([tag, , label]) => ({ tag, environment: { name: selfVariables[label] } }))
    : ownTags.map(([tag, field]) => ({ tag, literal: { value: workload[field] } }));

/** By name; what says it in the workload, and which variable of its proxy's environment. */
const ownTags: readonly (readonly [tag: string, field: keyof TracedWorkload, label: SelfLabel])[] = [
  ['istio.canonical_revision', 'canonicalRevision', 'canonicalRevision'],
  ['istio.canonical_service', 'canonicalName', 'canonicalName'],
  ['istio.cluster_id', 'clusterId', 'cluster'],
  ['istio.mesh_id', 'meshId', 'meshId'],
  ['istio.namespace', 'namespace', 'namespace'],
];

/** What authorization policies in dry run would have decided. */
const dryRunTag = (tag: string, key: string): CustomTag => ({
  tag: `istio.authorization.dry_run.${tag}`,
  metadata: {
    kind: { request: {} },
    metadata_key: { key: 'envoy.filters.http.rbac', path: [{ key: `istio_dry_run_${key}` }] },
  },
});

const dryRunTags: readonly CustomTag[] = [
  dryRunTag('allow_policy.name', 'allow_shadow_effective_policy_id'),
  dryRunTag('allow_policy.result', 'allow_shadow_engine_result'),
  dryRunTag('deny_policy.name', 'deny_shadow_effective_policy_id'),
  dryRunTag('deny_policy.result', 'deny_shadow_engine_result'),
];
