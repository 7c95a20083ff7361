// What policies with targets are bound to, told in their status; and of those without, what of them the node proxies of an
// ambient mesh can enforce.
// https://istio.io/latest/docs/ambient/usage/l7-features/#targeting-policies
import { memo, sharedValue } from '../../../model/memo.ts';
import type { ObjectBase } from '../../../model/object.ts';
import { objectKey } from '../../../model/object.ts';
import type { KindMap, PolicyTargetReference } from '../../../model/schema/index.ts';
import type { SnapshotObjects } from '../../../model/snapshot.ts';
import type { ObjectStatus } from '../../../model/status.ts';
import { gatewayClass, meshController } from '../gateway-api/gateway-class.ts';
import { targetsOf } from '../scope/policy-target.ts';
import { httpFields } from './http-fields.ts';
import type { Waypoints } from './waypoints.ts';

type AuthorizationPolicy = KindMap['AuthorizationPolicy'];

/** One target: what it is bound to, or why it is to nothing. */
export interface Binding {
  readonly bound: boolean;
  readonly reason: 'Accepted' | 'Invalid' | 'AncestorNotBound' | 'TargetNotFound';
  readonly message: string;
}

/** What bindings depend on. */
export interface BindingFacts {
  readonly rootNamespace: string;
  readonly objects: SnapshotObjects;
  readonly waypoints: Waypoints;
}

export const policyStatuses = (facts: BindingFacts): readonly ObjectStatus[] =>
  [...facts.objects.AuthorizationPolicy.values()].flatMap((policy) => {
    const condition = conditionOf(policy, facts);
    return condition === undefined ? [] : [statusOf(policy, sharedValue(condition))];
  });

interface PolicyCondition {
  readonly type: 'WaypointAccepted' | 'ZtunnelAccepted';
  readonly accepted: boolean;
  readonly reason: string;
  readonly message: string;
}

function conditionOf(policy: AuthorizationPolicy, facts: BindingFacts): PolicyCondition | undefined {
  const targets = targetsOf(policy.spec);
  if (targets.length === 0) return nodeCondition(policy);
  return waypointCondition(targets.map((target) => targetBinding(policy, target, facts)));
}

/** One condition for all targets: bound as soon as one is. */
function waypointCondition(bindings: readonly Binding[]): PolicyCondition {
  const bound = bindings.filter((each) => each.bound);
  const unbound = bindings.filter((each) => !each.bound);
  const [first] = unbound;
  const reason =
    first === undefined
      ? 'Accepted'
      : bound.length > 0
        ? 'PartiallyInvalid'
        : bindings.length === 1
          ? first.reason
          : 'Invalid';
  const message = [...bound, ...unbound].map((each) => each.message).join(', ');
  return { type: 'WaypointAccepted', accepted: bound.length > 0, reason, message };
}

/** What one target of an object of `metadata.namespace` comes to. */
export function targetBinding(
  { metadata }: Pick<ObjectBase, 'metadata'>,
  { kind, name, namespace = '' }: PolicyTargetReference,
  { rootNamespace, objects, waypoints }: BindingFacts,
): Binding {
  const home = namespace === '' ? metadata.namespace : namespace;
  const key = objectKey(home, name);
  switch (kind) {
    case 'GatewayClass':
      return classBinding(objects.GatewayClass, name, home === rootNamespace, rootNamespace);
    case 'Gateway':
      return waypoints.byName(home, name) === undefined ? notFound('not bound') : boundTo(key);
    case 'Service':
    case 'ServiceEntry': {
      const target = objects[kind].get(key);
      if (target === undefined) return notFound(`${kind} ${key} was not found`);
      const found = waypoints.ofService(target.metadata);
      return found === undefined
        ? { bound: false, reason: 'AncestorNotBound', message: `${kind} ${key} is not bound to a waypoint` }
        : boundTo(objectKey(found.namespace, found.name));
    }
    default:
      return { bound: false, reason: 'Invalid', message: `a ${kind} is no target` };
  }
}

const boundTo = (name: string): Binding => ({ bound: true, reason: 'Accepted', message: `bound to ${name}` });
const notFound = (message: string): Binding => ({ bound: false, reason: 'TargetNotFound', message });

function classBinding(
  classes: ReadonlyMap<string, KindMap['GatewayClass']>,
  name: string,
  isMeshWide: boolean,
  rootNamespace: string,
): Binding {
  if (!isMeshWide)
    return {
      bound: false,
      reason: 'Invalid',
      message: `AuthorizationPolicy must be in the root namespace \`${rootNamespace}\` when referencing a GatewayClass`,
    };
  const found = gatewayClass(classes, name);
  if (found?.kind === 'waypoint') return boundTo(name);
  if (found === undefined && classes.get(objectKey('', name)) === undefined) return notFound('not bound');
  return {
    bound: false,
    reason: 'Invalid',
    message: `GatewayClass must use controller name \`${meshController}\` for waypoints`,
  };
}

/** Proxies of nodes see connections only. A dry run is nothing to them. */
function nodeCondition({ spec, metadata }: AuthorizationPolicy): PolicyCondition | undefined {
  if (['1', 't', 'true'].includes((metadata.annotations['istio.io/dry-run'] ?? '').toLowerCase())) return undefined;
  const type = 'ZtunnelAccepted';
  const action = spec.action ?? 'ALLOW';
  if (action !== 'ALLOW' && action !== 'DENY')
    return {
      type,
      accepted: false,
      reason: 'UnsupportedValue',
      message: `ztunnel does not support the ${action} action`,
    };
  const found = httpFields(spec.rules ?? []);
  if (found.length === 0) return { type, accepted: true, reason: 'Accepted', message: 'attached to ztunnel' };
  const consequence =
    action === 'DENY'
      ? 'the rest of a DENY rule is enforced without them'
      : 'an ALLOW rule with any of them is left out';
  return {
    type,
    accepted: true,
    reason: 'UnsupportedValue',
    message: `ztunnel does not see fields of HTTP (${found.join(', ')}), and ${consequence}: more is refused than was asked for; a waypoint enforces them`,
  };
}

/** Generations are written as text here, as in Istio. */
const statusOf = memo(
  (policy: AuthorizationPolicy, { type, accepted, reason, message }: PolicyCondition): ObjectStatus => ({
    kind: policy.kind,
    namespace: policy.metadata.namespace,
    name: policy.metadata.name,
    status: {
      conditions: [
        {
          type,
          status: accepted ? 'True' : 'False',
          reason,
          message,
          observedGeneration: String(policy.metadata.generation ?? 1),
        },
      ],
    },
  }),
);
