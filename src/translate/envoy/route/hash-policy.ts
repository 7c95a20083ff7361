// What a request is hashed by when its destination balances by consistent hashing.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#LoadBalancerSettings-ConsistentHashLB
import type { DestinationPolicy } from '../../../model/mesh/mesh.ts';
import type { ConsistentHashLB } from '../../../model/schema/index.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { at } from '../../../model/source.ts';
import { duration } from '../../duration.ts';
import { from } from '../../provenance.ts';
import { effectivePolicy } from '../cluster/traffic-policy.ts';

export type HashPolicy = MessageOf['envoy.config.route.v3.RouteAction.HashPolicy'];

/** Undefined when the policy in force for this port and subset does not hash. */
export function hashPolicy(policy: DestinationPolicy | undefined, port: number, subset = ''): HashPolicy | undefined {
  const chosen = policy?.subsets.find((candidate) => candidate.name === subset);
  const balancing = effectivePolicy(policy, port, chosen).loadBalancer;
  const hash = balancing?.value.consistentHash;
  if (balancing === undefined || hash === undefined) return undefined;
  const key = hashKey(hash);
  return key === undefined ? undefined : from(at(balancing.source, 'consistentHash'), key);
}

function hashKey(hash: ConsistentHashLB): HashPolicy | undefined {
  if (hash.httpHeaderName !== undefined) return { header: { header_name: hash.httpHeaderName } };
  if (hash.httpCookie !== undefined) return { cookie: cookie(hash.httpCookie) };
  if (hash.useSourceIp === true) return { connection_properties: { source_ip: true } };
  if (hash.httpQueryParameterName !== undefined) return { query_parameter: { name: hash.httpQueryParameterName } };
  return undefined;
}

const cookie = ({ name, path, ttl, attributes }: NonNullable<ConsistentHashLB['httpCookie']>) => ({
  name,
  ...(path !== undefined && path !== '' && { path }),
  ...(ttl !== undefined && { ttl: duration(ttl) }),
  ...(attributes !== undefined && attributes.length > 0 && { attributes }),
});
