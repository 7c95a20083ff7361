// The tracing block of an HTTP connection manager: how many requests are sampled and which tags their spans carry.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#Tracing
import { memo } from '../../../model/memo.ts';
import type { MeshSettings } from '../../../model/mesh.ts';
import type { MeshTracing } from '../../../model/schema/mesh-proxy-config.ts';
import { at } from '../../../model/source.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { from } from '../../provenance.ts';
import type { HttpFacts, TracedWorkload } from '../listener/listener-facts.ts';

type HttpConnectionManager =
  MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'];
type CustomTag = MessageOf['envoy.type.tracing.v3.CustomTag'];

/** One request in a hundred unless asked otherwise. */
const defaultSampling = 1;

/** The `tracing` field, or nothing where the mesh does not trace. */
export const tracing = memo(
  (settings: MeshSettings, { workload }: HttpFacts): Pick<HttpConnectionManager, 'tracing'> => {
    if (workload === undefined) return {};
    const asked = settings.defaultConfig?.tracing;
    return from(at(settings.source, 'enableTracing'), {
      tracing: {
        client_sampling: { value: 100 },
        random_sampling: { value: asked?.sampling ?? defaultSampling },
        overall_sampling: { value: 100 },
        ...(asked?.maxPathTagLength !== undefined && { max_path_tag_length: asked.maxPathTagLength }),
        custom_tags: customTags(asked, workload),
      },
    });
  },
);

function customTags(asked: MeshTracing | undefined, workload: TracedWorkload): readonly CustomTag[] {
  const standard = asked?.enableIstioTags === false ? [] : workloadTags(workload);
  const own = Object.entries(asked?.customTags ?? {}).flatMap(([tag, value]): readonly CustomTag[] => {
    if (value.literal !== undefined) return [{ tag, literal: { value: value.literal.value ?? '' } }];
    if (value.environment !== undefined) return [{ tag, environment: named(value.environment) }];
    return value.header === undefined ? [] : [{ tag, request_header: named(value.header) }];
  });
  return [...dryRunTags, ...standard, ...own].toSorted((a, b) => ((a.tag ?? '') < (b.tag ?? '') ? -1 : 1));
}

const named = ({
  name,
  defaultValue,
}: {
  readonly name?: string;
  readonly defaultValue?: string;
}): { name: string; default_value?: string } => ({
  name: name ?? '',
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
