// AuthorizationPolicies of the namespace `garden`, and what becomes of them.
import type { Identities } from '../../../src/translate/envoy/rbac/attribute.ts';
import { authorizationFilters } from '../../../src/translate/envoy/rbac/rbac-filter.ts';
import type { MessageOf } from '../../../src/xds/generated/messages.ts';
import type { Seen } from '../kubernetes/rbac.ts';
import { matchingEntries } from '../kubernetes/rbac.ts';
import { snapshotOf } from './snapshot.ts';

type RbacFilter = MessageOf['envoy.extensions.filters.http.rbac.v3.RBAC'];

export const policy = (
  name: string,
  spec: string,
  more: { readonly namespace?: string; readonly annotations?: string } = {},
) => `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ${name}, namespace: ${more.namespace ?? 'garden'}, annotations: ${more.annotations ?? '{}'}}
spec: ${spec}
`;

export const objects = (...yaml: readonly string[]) => snapshotOf(yaml.join('')).objects.AuthorizationPolicy;

export function filters(
  yaml: readonly string[],
  domains: readonly string[] = ['cluster.local'],
  peer: Identities['peer'] = 'connection',
) {
  const { http, tcp } = authorizationFilters([...objects(...yaml).values()], { trustDomains: domains, peer });
  const config = (filter: object): RbacFilter => (filter as { typed_config: RbacFilter }).typed_config;
  return { http: http.map(config), tcp: tcp.map(config) };
}

/** Entries of the one HTTP filter that match. */
export const matched = (yaml: string, seen: Seen): readonly string[] =>
  matchingEntries(filters([yaml]).http[0]?.rules ?? {}, seen);
