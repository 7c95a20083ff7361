// Which namespaces may use an object: the meaning of `exportTo`.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-default_service_export_to
import type { Visibility } from '../../../model/mesh/visibility.ts';
import { sharedValue } from '../../../model/memo.ts';

/** `exportTo` as written in an object of `namespace`; an empty or absent one means `fallback`, at last everywhere. */
export function visibility(
  exportTo: readonly string[] | undefined,
  namespace: string,
  fallback: readonly string[] | undefined,
): Visibility {
  const written = exportTo !== undefined && exportTo.length > 0 ? exportTo : (fallback ?? []);
  const namespaces = written
    .filter((entry) => entry !== '*' && entry !== '~')
    .map((entry) => (entry === '.' ? namespace : entry));
  const everywhere = written.includes('*') || written.length === 0;
  return sharedValue({ everywhere, namespaces: everywhere ? [] : [...new Set(namespaces)].toSorted() });
}

export const isVisible = (to: Visibility, namespace: string): boolean =>
  to.everywhere || to.namespaces.includes(namespace);

/** Istio's order of precedence: what is private to the namespace, what is exported to it by name, what is public. */
export function visibilityRank(to: Visibility, owner: string, namespace: string): 0 | 1 | 2 {
  if (to.everywhere) return 2;
  return owner === namespace && to.namespaces.length === 1 ? 0 : 1;
}
