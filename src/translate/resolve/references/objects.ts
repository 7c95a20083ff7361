// Objects that others name and that are not there: targets of policies, and accounts of machines.
// https://istio.io/latest/docs/reference/config/type/workload-selector/#PolicyTargetReference
import { objectKey } from '../../../model/object.ts';
import type { ObjectBase } from '../../../model/object.ts';
import type { PolicyTargetReference } from '../../../model/schema/index.ts';
import type { SnapshotObjects } from '../../../model/snapshot.ts';
import { targetsOf } from '../scope/policy-target.ts';
import type { Fault } from './known-hosts.ts';

interface Targeting extends ObjectBase {
  readonly spec: {
    readonly targetRef?: PolicyTargetReference;
    readonly targetRefs?: readonly PolicyTargetReference[];
  };
}

const targetKinds = {
  Gateway: 'KubernetesGateway',
  GatewayClass: 'GatewayClass',
  HTTPRoute: 'HTTPRoute',
  Service: 'Service',
  ServiceEntry: 'ServiceEntry',
  VirtualService: 'VirtualService',
} as const;

export type TargetObjects = Pick<SnapshotObjects, (typeof targetKinds)[keyof typeof targetKinds]>;

/** Targets are in the namespace of who names them; other kinds than these are for others to know. */
export function targetFaults({ metadata: { namespace }, spec }: Targeting, objects: TargetObjects): readonly Fault[] {
  return targetsOf(spec).flatMap(({ kind, name }, i) => {
    if (!isTargetKind(kind)) return [];
    const place = kind === 'GatewayClass' ? '' : namespace;
    if (objects[targetKinds[kind]].has(objectKey(place, name))) return [];
    const path = spec.targetRef === undefined ? `spec.targetRefs[${i}].name` : 'spec.targetRef.name';
    const where = place === '' ? '' : ` in the namespace ${place}, where targets have to be`;
    return [{ path, message: `there is no ${kind} ${name}${where}: create it, or name another one` }];
  });
}

const isTargetKind = (kind: string): kind is keyof typeof targetKinds => Object.hasOwn(targetKinds, kind);

/** Machines prove who they are by a token of their account. */
export function accountFaults(
  name = '',
  namespace: string,
  path: string,
  accounts: SnapshotObjects['ServiceAccount'],
): readonly Fault[] {
  // Where there is none at all, they are not read.
  if (name === '' || accounts.size === 0 || accounts.has(objectKey(namespace, name))) return [];
  const message = `there is no ServiceAccount ${name} in the namespace ${namespace}: create it, or the workload gets no certificate`;
  return [{ path, message }];
}
