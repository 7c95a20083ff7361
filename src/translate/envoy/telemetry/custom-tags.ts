// The tags of spans: who the workload is, what policies in dry run would have decided, and what users add.
// https://istio.io/latest/docs/tasks/observability/distributed-tracing/telemetry-api/
import type { CustomTag as AskedTag } from '../../../model/schema/index.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import type { TracedWorkload } from './traced.ts';

type CustomTag = MessageOf['envoy.type.tracing.v3.CustomTag'];
type Asked = Readonly<Record<string, AskedTag>>;

/** By name. `asked` are the user's. */
export const spanTags = (workload: TracedWorkload | undefined, asked: Asked): readonly CustomTag[] =>
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

const workloadTags = (workload: TracedWorkload): readonly CustomTag[] => [
  { tag: 'istio.canonical_revision', literal: { value: workload.canonicalRevision } },
  { tag: 'istio.canonical_service', literal: { value: workload.canonicalName } },
  { tag: 'istio.cluster_id', literal: { value: workload.clusterId } },
  { tag: 'istio.mesh_id', literal: { value: workload.meshId } },
  { tag: 'istio.namespace', literal: { value: workload.namespace } },
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
