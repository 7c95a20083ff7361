// RequestAuthentications: the tokens that a workload's callers may show, and the keys that prove them.
// https://istio.io/latest/docs/reference/config/security/request_authentication/
import type { KeySets } from '../../../model/external/key-source.ts';
import { keySourceOf } from '../../../model/external/key-source.ts';
import { memo, sharedList, sharedValue } from '../../../model/memo.ts';
import type { Mesh, MeshSettings, Service } from '../../../model/mesh/mesh.ts';
import { isConnectionPort } from '../../../model/mesh/service-port.ts';
import { at } from '../../../model/source.ts';
import type { RequestAuthentication, TokenKeys, TokenRule } from '../../../model/mesh/workload-policies.ts';
import { outboundCluster } from '../../names.ts';
import { compareText } from '../order.ts';

/** All rules of these policies, by issuer; those of one issuer in the order of the policies. */
export function tokenRules(
  { settings, services }: Pick<Mesh, 'settings' | 'services'>,
  policies: readonly RequestAuthentication[],
  keySets: KeySets,
): readonly TokenRule[] {
  // The keys are compared, not the map of them: it changes with every key set in the world.
  const keys = rulesOf(policies).map(({ rule }): TokenKeys => {
    const source = keySourceOf(rule);
    const remote = source === undefined || source.discovery ? undefined : remoteKeys(settings, services, source.uri);
    if (remote !== undefined) return remote;
    const text = source === undefined ? keySetOf(rule.jwks ?? '') : keySets.get(source.uri);
    return sharedValue(text === undefined ? { kind: 'none' } : { kind: 'set', text });
  });
  return withKeys(policies, sharedList(keys));
}

/** A set as it is written, or a key alone as a set. A set without keys is none: a proxy would refuse it. */
function keySetOf(text: string): string | undefined {
  if (text === '') return undefined;
  const parsed = JSON.parse(text) as { readonly keys?: readonly unknown[] };
  if (parsed.keys === undefined) return JSON.stringify({ keys: [parsed] });
  return parsed.keys.length === 0 ? undefined : text;
}

/** For a proxy that fetches keys itself, through the cluster of the service that has them. */
function remoteKeys({ features }: MeshSettings, services: readonly Service[], uri: string): TokenKeys | undefined {
  if (features.remoteKeys === 'never') return undefined;
  const { hostname, port, protocol } = new URL(uri);
  const number = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
  const isKnown = services.some(
    (service) => service.hostname === hostname && service.ports.some((own) => isConnectionPort(own, number)),
  );
  if (!isKnown && features.remoteKeys === 'known-hosts') return undefined;
  return sharedValue<TokenKeys>({ kind: 'remote', uri, cluster: outboundCluster(hostname, number) });
}

const rulesOf = memo((policies: readonly RequestAuthentication[]) =>
  policies
    .flatMap(({ source, spec }) =>
      (spec.jwtRules ?? []).map((rule, i) => ({ source: at(source, `spec.jwtRules[${i}]`), rule })),
    )
    .toSorted((a, b) => compareText(a.rule.issuer ?? '', b.rule.issuer ?? '')),
);

const withKeys = memo((policies: readonly RequestAuthentication[], keys: readonly TokenKeys[]): readonly TokenRule[] =>
  rulesOf(policies).map((each, i) => ({ ...each, keys: keys[i] ?? { kind: 'none' } })),
);
