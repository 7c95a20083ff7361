// DestinationRules that have callers leave out the mutual TLS that the workloads behind the host insist on.
// https://istio.io/latest/docs/ops/common-problems/network-issues/#503-errors-after-setting-destination-rule
import { memo, sharedValue } from '../../../model/memo.ts';
import type { DestinationPolicy, MeshSettings, MtlsMode, Service } from '../../../model/mesh/mesh.ts';
import type { Problem } from '../../../model/problem.ts';
import type { SourceRef } from '../../../model/source.ts';
import { at } from '../../../model/source.ts';
import { hostMatches } from '../routing/host.ts';

interface Claim {
  readonly host: string;
  readonly source: SourceRef;
  /** Undefined where nothing is said. */
  readonly mode: string | undefined;
}

/** `modeOf` says what the workloads of a namespace ask for that no policy of their own selects. */
export function mtlsConflicts(
  { enableAutoMtls: isAutomatic = true }: Pick<MeshSettings, 'enableAutoMtls'>,
  services: readonly Service[],
  policies: readonly DestinationPolicy[],
  modeOf: (namespace: string) => MtlsMode,
): readonly Problem[] {
  const namespaces = [...new Set(services.map(({ namespace }) => namespace))];
  const strict = namespaces.filter((namespace) => modeOf(namespace) === 'STRICT');
  return strict.length === 0 ? [] : conflicts(services, policies, sharedValue(strict), isAutomatic);
}

const conflicts = memo(
  (
    services: readonly Service[],
    policies: readonly DestinationPolicy[],
    strict: readonly string[],
    isAutomatic: boolean,
  ): readonly Problem[] => {
    const insisting = services.filter(({ namespace, meshExternal }) => !meshExternal && strict.includes(namespace));
    return policies
      .flatMap((policy) => plaintextClaims(policy, isAutomatic))
      .flatMap((claim): readonly Problem[] => {
        const service = insisting.find(({ hostname }) => hostMatches(claim.host, hostname));
        return service === undefined ? [] : [problem(claim, service)];
      });
  },
);

/** Where a rule, for all ports, for one or for a subset, turns mutual TLS off. */
const plaintextClaims = (policy: DestinationPolicy, isAutomatic: boolean): readonly Claim[] => [
  ...(isAutomatic || policy.trafficPolicy?.tls !== undefined
    ? []
    : [{ host: policy.host, source: at(policy.trafficPolicySource, 'tls'), mode: undefined }]),
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

const problem = ({ source, mode }: Claim, { hostname, namespace }: Service): Problem => {
  const [what, remedy] =
    mode === undefined
      ? ['without it callers use no mutual TLS (the mesh has enableAutoMtls: false)', 'write mode: ISTIO_MUTUAL']
      : [`${mode} has callers do without mutual TLS`, 'use ISTIO_MUTUAL or leave tls out'];
  return {
    code: 'mtls-turned-off',
    severity: 'warning',
    message: `${what}, but ${hostname} is in namespace ${namespace}, which takes nothing else (STRICT): calls will fail; ${remedy}`,
    source,
  };
};
