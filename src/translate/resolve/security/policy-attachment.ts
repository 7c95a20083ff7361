// Policies for workloads: which ones hold for one of them, and in which order.
// https://istio.io/latest/docs/reference/config/type/workload-selector/
import { sharedList } from '../../../model/memo.ts';
import type { PolicyTargetReference, PolicyWorkloadSelector } from '../../../model/schema/index.ts';
import type { ObjectBase } from '../../../model/object.ts';
import type { Problem } from '../../../model/problem.ts';
import { selects } from '../../../model/labels.ts';
import { byObjectAge } from '../order.ts';

type Labels = Readonly<Record<string, string>>;

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
 * The policies for a sidecar with these labels, in the order of `namespaces`: the mesh's and its own one. What names its
 * targets is for gateways and waypoints.
 */
export function policiesFor<P extends Attached>(
  policies: PoliciesByNamespace<P>,
  namespaces: readonly string[],
  labels: Labels,
): readonly P[] {
  const candidates = [...new Set(namespaces)].flatMap((namespace) => policies.get(namespace) ?? []);
  return sharedList(
    candidates.filter(
      ({ spec }) =>
        !hasTargets(spec) && (spec.selector === undefined || selects(spec.selector.matchLabels ?? {}, labels)),
    ),
  );
}

/** A warning for every policy that is for gateways or waypoints, which have none yet. */
export const targetedWithoutEffect = (policies: ReadonlyMap<string, Attached>): readonly Problem[] =>
  [...policies.values()].flatMap(({ kind, source, position, spec }) =>
    hasTargets(spec)
      ? {
          code: 'no-effect',
          severity: 'warning' as const,
          message: `a ${kind} with targetRefs is for gateways and waypoints, and has no effect yet`,
          source,
          ...(position !== undefined && { position }),
        }
      : [],
  );

const hasTargets = ({ targetRef, targetRefs }: Attached['spec']): boolean =>
  targetRef !== undefined || (targetRefs ?? []).length > 0;
