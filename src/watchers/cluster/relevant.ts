// What of a cluster is read at all, and what is dropped of an object before it is parsed: a mesh reads little of what is
// there, and everything that is kept is kept for each of thousands of objects.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/
import type { Kind } from '../../model/schema/index.ts';
import type { KubernetesMetadata, KubernetesObject } from '../../kubernetes/resource.ts';

/** The server leaves the others out, and says so when one becomes another. */
export const fieldSelectors: Partial<Readonly<Record<Kind, string>>> = {
  // Finished Pods have no proxy and no address.
  Pod: 'status.phase!=Succeeded,status.phase!=Failed',
  // Nobody refers to these in a mesh, and releases of Helm are large.
  Secret: 'type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token,type!=bootstrap.kubernetes.io/token',
};

const largestAnnotation = 32 << 10;
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
const pem = '-----BEGIN ';

/** `object` of `kind` without what nothing here reads. Fields that its schema does not know are left to parsing. */
export function relevant(object: KubernetesObject, kind: Kind, systemNamespace: string): KubernetesObject {
  const slim = { ...object, metadata: withoutRecords(object.metadata) };
  return kind === 'ConfigMap' && object.metadata.namespace !== systemNamespace
    ? { ...slim, data: certificates(object['data']) }
    : slim;
}

/** Without annotations that record whole objects. */
function withoutRecords(metadata: KubernetesMetadata): KubernetesMetadata {
  const kept = Object.entries(metadata.annotations ?? {}).filter(
    ([name, value]) => name !== lastApplied && value.length <= largestAnnotation,
  );
  return { ...metadata, annotations: Object.fromEntries(kept) };
}

/** ConfigMaps of workloads are of interest as bundles of certificates only. */
function certificates(data: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries((data ?? {}) as Readonly<Record<string, unknown>>);
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1].includes(pem)),
  );
}
