// Policies for workloads: which ones hold for one of them, and in which order.
// https://istio.io/latest/docs/reference/config/type/workload-selector/
import { sharedList } from '../../../model/memo.ts';
import type { PolicyTargetReference, PolicyWorkloadSelector } from '../../../model/schema/index.ts';
import type { ObjectBase } from '../../../model/object.ts';
import type { Service } from '../../../model/mesh/mesh.ts';
import type { Proxy } from '../../../model/proxy/proxy.ts';
import { byObjectAge } from '../order.ts';
import { targetedBy, targetsService } from '../scope/policy-target.ts';

/** A policy that is attached to workloads by their labels, or to objects by reference. */
interface Attached extends ObjectBase {
  readonly spec: {
    readonly selector?: PolicyWorkloadSelector;
    readonly targetRef?: PolicyTargetReference;
    readonly targetRefs?: readonly PolicyTargetReference[];
  };
}

/** By namespace, the oldest first. */
export type PoliciesByNamespace<P> = ReadonlyMap<string, readonly P[]>;

export const groupPolicies = <P extends Attached>(policies: ReadonlyMap<string, P>): PoliciesByNamespace<P> =>
  new Map(
    [...Map.groupBy([...policies.values()].toSorted(byObjectAge), ({ metadata }) => metadata.namespace)].map(
      ([namespace, own]) => [namespace, sharedList(own)],
    ),
  );

/**
 * The policies for a proxy, in the order of `namespaces`: the mesh's and its own one. `served` is the service that a waypoint
 * is asked for: policies of its namespace can be about it alone.
 */
export function policiesFor<P extends Attached>(
  policies: PoliciesByNamespace<P>,
  namespaces: readonly string[],
  proxy: Pick<Proxy, 'type' | 'namespace' | 'labels'>,
  rootNamespace: string,
  served?: Service,
): readonly P[] {
  const candidates = [...new Set(namespaces)].flatMap((namespace) => policies.get(namespace) ?? []);
  return sharedList(
    candidates.filter(
      (policy) => targetedBy(policy, proxy, rootNamespace) || (served !== undefined && targetsService(policy, served)),
    ),
  );
}
