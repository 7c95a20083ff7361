// What a proxy's own environment says of its workload. A proxy that says so in its node's metadata is not told these names
// again: its configuration refers to the variables, and so is the same for all workloads.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#command-operators

/** A name of the workload, as metrics and spans report it. */
export type SelfLabel =
  'workload' | 'namespace' | 'canonicalName' | 'canonicalRevision' | 'app' | 'version' | 'cluster' | 'meshId';

/** The variable that has it: Istio's own where there is one. */
export const selfVariables: Readonly<Record<SelfLabel, string>> = {
  workload: 'ISTIO_META_WORKLOAD_NAME',
  namespace: 'POD_NAMESPACE',
  canonicalName: 'KEELSON_CANONICAL_NAME',
  canonicalRevision: 'KEELSON_CANONICAL_REVISION',
  app: 'KEELSON_APP',
  version: 'KEELSON_VERSION',
  cluster: 'ISTIO_META_CLUSTER_ID',
  meshId: 'ISTIO_META_MESH_ID',
};

/** Metadata of a node whose proxy has all of these variables. */
export const ownLabels = { SELF_LABELS: 'environment' } as const;

export const hasOwnLabels = (metadata: Readonly<Record<string, unknown>>): boolean =>
  metadata['SELF_LABELS'] === ownLabels.SELF_LABELS;

/** Of these variables those that labels give, with their values; none where an injected Pod's labels would say more. */
export function labelVariables(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const name = labels['service.istio.io/canonical-name'] ?? '';
  const revision = labels['service.istio.io/canonical-revision'] ?? '';
  const { app = name, version = revision } = labels;
  if ([name, revision, app, version].includes('')) return {};
  return {
    [selfVariables.canonicalName]: name,
    [selfVariables.canonicalRevision]: revision,
    [selfVariables.app]: app,
    [selfVariables.version]: version,
  };
}
