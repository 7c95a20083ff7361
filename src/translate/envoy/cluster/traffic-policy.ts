// The traffic policy in force for one port and subset of a service, each block with the field it was written in.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#TrafficPolicy
import { memo } from '../../../model/memo.ts';
import type { DestinationPolicy, MeshSettings, PolicySubset } from '../../../model/mesh/mesh.ts';
import type { TrafficPolicy } from '../../../model/schema/index.ts';
import type { SourceRef } from '../../../model/source.ts';
import { at } from '../../../model/source.ts';

/** Blocks that a setting for one port replaces, all four at once: they are not inherited. */
const perPort = ['connectionPool', 'outlierDetection', 'loadBalancer', 'tls'] as const;
const wholePolicy = ['tunnel', 'proxyProtocol', 'retryBudget'] as const;
type Block = (typeof perPort)[number] | (typeof wholePolicy)[number];

export interface Sourced<T> {
  readonly source: SourceRef;
  readonly value: T;
}

export type EffectivePolicy = { readonly [B in Block]?: Sourced<NonNullable<TrafficPolicy[B]>> };

const noPolicy: EffectivePolicy = {};

/** The host's policy for the port, and over it the blocks that the subset sets. */
export const effectivePolicy = memo(
  (policy: DestinationPolicy | undefined, port: number, subset: PolicySubset | undefined): EffectivePolicy => {
    if (policy === undefined) return noPolicy;
    const base = atPort(policy.trafficPolicy, policy.trafficPolicySource, port, noPolicy);
    return subset?.trafficPolicy === undefined
      ? base
      : atPort(subset.trafficPolicy, at(subset.source, 'trafficPolicy'), port, base);
  },
);

/** The same with the mesh's own defaults for what the policy leaves open: connection pools and outlier detection. */
export const clusterPolicy = (
  settings: MeshSettings,
  policy: DestinationPolicy | undefined,
  port: number,
  subset: PolicySubset | undefined,
): EffectivePolicy => {
  const own = effectivePolicy(policy, port, subset);
  return settings.defaultTrafficPolicy === undefined ? own : withDefaults(settings, own);
};

const withDefaults = memo((settings: MeshSettings, own: EffectivePolicy): EffectivePolicy => ({
  ...blocks(
    settings.defaultTrafficPolicy ?? {},
    ['connectionPool', 'outlierDetection'],
    at(settings.source, 'defaultTrafficPolicy'),
  ),
  ...own,
}));

function atPort(
  policy: TrafficPolicy | undefined,
  source: SourceRef,
  port: number,
  base: EffectivePolicy,
): EffectivePolicy {
  if (policy === undefined) return base;
  const i = (policy.portLevelSettings ?? []).findIndex((setting) => setting.port?.number === port);
  const merged = { ...base, ...blocks(policy, [...perPort, ...wholePolicy], source) };
  const setting = policy.portLevelSettings?.[i];
  if (setting === undefined) return merged;
  const { tunnel, proxyProtocol, retryBudget } = merged;
  return {
    ...(tunnel !== undefined && { tunnel }),
    ...(proxyProtocol !== undefined && { proxyProtocol }),
    ...(retryBudget !== undefined && { retryBudget }),
    ...blocks(setting, perPort, at(source, `portLevelSettings[${i}]`)),
  };
}

const blocks = (policy: Partial<TrafficPolicy>, names: readonly Block[], source: SourceRef): EffectivePolicy =>
  Object.fromEntries(
    names
      .filter((name) => policy[name] !== undefined)
      .map((name) => [name, { source: at(source, name), value: policy[name] }]),
  );
