// DestinationRules that have callers leave out the mutual TLS that the workloads behind the host insist on.
// https://istio.io/latest/docs/ops/common-problems/network-issues/#503-errors-after-setting-destination-rule
import { memo, sharedValue } from '../../../model/memo.ts';
import type { DestinationPolicy, MtlsMode, Service } from '../../../model/mesh/mesh.ts';
import type { Problem } from '../../../model/problem.ts';
import type { SourceRef } from '../../../model/source.ts';
import { at } from '../../../model/source.ts';
import { hostMatches } from '../host.ts';

interface Claim {
  readonly host: string;
  readonly source: SourceRef;
  readonly mode: string;
}

/** `modeOf` says what the workloads of a namespace ask for that no policy of their own selects. */
export function mtlsConflicts(
  services: readonly Service[],
  policies: readonly DestinationPolicy[],
  modeOf: (namespace: string) => MtlsMode,
): readonly Problem[] {
  const namespaces = [...new Set(services.map(({ namespace }) => namespace))];
  const strict = namespaces.filter((namespace) => modeOf(namespace) === 'STRICT');
  return strict.length === 0 ? [] : conflicts(services, policies, sharedValue(strict));
}

const conflicts = memo(
  (services: readonly Service[], policies: readonly DestinationPolicy[], strict: readonly string[]) => {
    const insisting = services.filter(({ namespace, meshExternal }) => !meshExternal && strict.includes(namespace));
    return policies.flatMap(plaintextClaims).flatMap((claim): readonly Problem[] => {
      const service = insisting.find(({ hostname }) => hostMatches(claim.host, hostname));
      return service === undefined ? [] : [problem(claim, service)];
    });
  },
);

/** Where a rule, for all ports, for one or for a subset, turns mutual TLS off. */
const plaintextClaims = (policy: DestinationPolicy): readonly Claim[] => [
  ...settings(policy.host, policy.trafficPolicySource, policy.trafficPolicy),
  ...policy.subsets.flatMap((subset) =>
    settings(policy.host, at(subset.source, 'trafficPolicy'), subset.trafficPolicy),
  ),
];

function settings(host: string, source: SourceRef, policy: DestinationPolicy['trafficPolicy']): readonly Claim[] {
  const all = [
    { path: 'tls', mode: policy?.tls?.mode },
    ...(policy?.portLevelSettings ?? []).map(({ tls }, i) => ({
      path: `portLevelSettings[${i}].tls`,
      mode: tls?.mode,
    })),
  ];
  return all.flatMap(({ path, mode }) =>
    mode === 'DISABLE' || mode === 'SIMPLE' || mode === 'MUTUAL' ? [{ host, source: at(source, path), mode }] : [],
  );
}

const problem = ({ source, mode }: Claim, { hostname, namespace }: Service): Problem => ({
  code: 'mtls-turned-off',
  severity: 'warning',
  message: `${mode} has callers do without mutual TLS, but ${hostname} is in namespace ${namespace}, which takes nothing else (STRICT): calls will fail; use ISTIO_MUTUAL or leave tls out`,
  source,
});
