// Services that a proxy itself talks to, whatever its application may: those that take its logs and spans, decide about its
// requests and count them. An Envoy takes no listener that names a cluster which it does not know.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider
import { memo, sharedList, sharedValue } from '../../model/memo.ts';
import type { Service } from '../../model/mesh/mesh.ts';
import type { TraceSettings, TrafficTelemetry, WorkloadTelemetry } from '../../model/mesh/telemetry.ts';
import type { WorkloadPolicies } from '../../model/mesh/workload-policies.ts';
import { isVisible } from '../resolve/visibility.ts';

/** Their hosts. The same list for all proxies that talk to the same. */
export const providerHosts = memo((telemetry: WorkloadTelemetry, policies: WorkloadPolicies): readonly string[] => {
  const hosts = [telemetry.client, telemetry.server].flatMap(collectors);
  const authorizers = policies.authorizers.flatMap((each) => ('host' in each ? [each.host] : []));
  const counting = policies.limits.flatMap(({ service }) => (service === undefined ? [] : [service.host]));
  return sharedValue([...new Set([...hosts, ...authorizers, ...counting])].toSorted());
});

const collectors = ({ logs, tracing }: TrafficTelemetry): readonly string[] => [
  ...(logs === 'mesh'
    ? []
    : logs.flatMap(({ provider }) => ('collector' in provider ? [provider.collector.host] : []))),
  ...(typeof tracing === 'string' ? [] : spanCollectors(tracing)),
];

const spanCollectors = ({ provider }: TraceSettings): readonly string[] => [
  provider.collector.host,
  ...(provider.kind === 'opentelemetry' && provider.sampler !== undefined ? [provider.sampler.host] : []),
];

/** Those of `hosts` that could be out of sight: all where a Sidecar object chooses, else what is not exported to the namespace. */
export const hiddenProviders = memo(
  (services: readonly Service[], hosts: readonly string[], namespace: string, chosen: boolean): readonly Service[] => {
    if (hosts.length === 0) return none;
    const found = hosts.flatMap((host) => byHost(services).get(host) ?? []);
    return sharedList(found.filter((service) => chosen || !isVisible(service.visibility, namespace)));
  },
);

const none: readonly Service[] = [];

/** Of services with one host the cluster's own. */
const byHost = memo(
  (services: readonly Service[]): ReadonlyMap<string, Service> =>
    new Map(
      services
        .toSorted((a, b) => Number(a.registry === 'Kubernetes') - Number(b.registry === 'Kubernetes'))
        .map((service) => [service.hostname, service]),
    ),
);
