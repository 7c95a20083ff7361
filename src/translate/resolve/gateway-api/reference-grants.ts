// Which objects may refer to objects of another namespace: those that a ReferenceGrant of that namespace names.
// https://gateway-api.sigs.k8s.io/reference/spec/#referencegrant
import { memo } from '../../../model/memo.ts';
import type { KindMap } from '../../../model/schema/index.ts';

/** Who refers: objects of a kind of Gateway API in a namespace. */
export interface Referrer {
  readonly kind: string;
  readonly namespace: string;
}

export interface Referent {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Whether a reference is allowed; within a namespace all are. */
export type ReferenceGrants = (from: Referrer, to: Referent) => boolean;

export const referenceGrants = memo((objects: ReadonlyMap<string, KindMap['ReferenceGrant']>): ReferenceGrants => {
  const byNamespace = Map.groupBy(objects.values(), ({ metadata }) => metadata.namespace);
  return (from, to) =>
    from.namespace === to.namespace || (byNamespace.get(to.namespace) ?? []).some((grant) => grants(grant, from, to));
});

const grants = ({ spec }: KindMap['ReferenceGrant'], from: Referrer, to: Referent): boolean =>
  spec.from.some(
    ({ group, kind, namespace }) =>
      group === 'gateway.networking.k8s.io' && kind === from.kind && namespace === from.namespace,
  ) &&
  spec.to.some(
    ({ group, kind, name = '' }) => group === to.group && kind === to.kind && (name === '' || name === to.name),
  );
