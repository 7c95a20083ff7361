// Policies that name what is not there, or what no waypoint is in front of: they do nothing, and their authors have to know.
// https://istio.io/latest/docs/ambient/usage/l7-features/#targeting-policies
import type { ObjectBase } from '../../../model/object.ts';
import { objectKey } from '../../../model/object.ts';
import type { Problem } from '../../../model/problem.ts';
import type { PolicyTargetReference } from '../../../model/schema/index.ts';
import { at } from '../../../model/source.ts';
import { targetsOf } from '../scope/policy-target.ts';
import type { BindingFacts } from './policy-status.ts';
import { targetBinding } from './policy-status.ts';

interface Targeted extends ObjectBase {
  readonly spec: {
    readonly targetRef?: PolicyTargetReference;
    readonly targetRefs?: readonly PolicyTargetReference[];
  };
}

/** A warning for each target that comes to nothing. */
export function unboundTargets(facts: BindingFacts): readonly Problem[] {
  const { AuthorizationPolicy, RequestAuthentication } = facts.objects;
  return [...AuthorizationPolicy.values(), ...RequestAuthentication.values()].flatMap((policy) =>
    targetsOf(policy.spec).flatMap((target, i) => {
      const fault = faultOf(policy, target, facts);
      return fault === undefined ? [] : [problem(policy, fault, i)];
    }),
  );
}

function faultOf(policy: Targeted, target: PolicyTargetReference, facts: BindingFacts): string | undefined {
  const { namespace } = policy.metadata;
  const key = objectKey(namespace, target.name);
  // Gateways that are no waypoints take policies as well.
  if (target.kind === 'Gateway')
    return facts.objects.KubernetesGateway.has(key) ? undefined : `Gateway ${key} was not found`;
  const { bound, message } = targetBinding(policy, target, facts);
  return bound ? undefined : message;
}

const problem = (policy: Targeted, fault: string, index: number): Problem => ({
  code: 'no-effect',
  severity: 'warning',
  message: `${fault}: this ${policy.kind} has no effect on it`,
  source: at(policy.source, policy.spec.targetRef === undefined ? `spec.targetRefs[${index}]` : 'spec.targetRef'),
  ...(policy.position !== undefined && { position: policy.position }),
});
