// Which Ingresses are ours to serve: by the class they name, or by the mesh's word for those that name none.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-IngressControllerMode
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { KindMap } from '../../../model/schema/index.ts';

const classAnnotation = 'kubernetes.io/ingress.class';
const controller = 'istio.io/ingress-controller';

/** The annotation, which is older, goes before the field. */
export function isOurs(
  { ingressControllerMode: mode = 'STRICT', ingressClass = 'istio' }: MeshSettings,
  { metadata, spec }: KindMap['Ingress'],
  classes: ReadonlyMap<string, KindMap['IngressClass']>,
): boolean {
  const annotated = metadata.annotations[classAnnotation];
  if (annotated !== undefined) return mode !== 'OFF' && annotated === ingressClass;
  const named = spec.ingressClassName === undefined ? undefined : classes.get(`/${spec.ingressClassName}`);
  return named === undefined ? mode === 'DEFAULT' : named.spec.controller === controller;
}
