// Services that a proxy itself talks to, whatever its application may: those that take its logs and spans, decide about its
// requests and count them. An Envoy takes no listener that names a cluster which it does not know.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider
import { memo, sharedList, sharedValue } from '../../model/memo.ts';
import type { Service } from '../../model/mesh/mesh.ts';
import type { TraceSettings, TrafficTelemetry, WorkloadTelemetry } from '../../model/mesh/telemetry.ts';
import type { WorkloadPolicies } from '../../model/mesh/workload-policies.ts';
import type { Proxy } from '../../model/proxy/proxy.ts';
import { isVisible } from '../resolve/scope/visibility.ts';

/** Their hosts. The same list for all proxies that talk to the same. */
export function providerHosts(
  { client, server }: WorkloadTelemetry,
  policies: WorkloadPolicies,
  proxy: Proxy,
): readonly string[] {
  const authorizers = policies.authorizers.flatMap((each) => ('host' in each ? [each.host] : []));
  const hosts = [...collectors(client), ...collectors(server), ...authorizers, ...askedHosts([policies], proxy)];
  return sharedValue([...new Set(hosts)].toSorted());
}

/** The hosts that limits and extensions ask. */
export const askedHosts = (policies: readonly WorkloadPolicies[], { extensions = [] }: Proxy): readonly string[] =>
  sharedValue([
    ...new Set([
      ...policies.flatMap(({ limits }) => limits.flatMap(({ service }) => service?.host ?? [])),
      ...extensions.flatMap(({ processor }) => processor?.service?.host ?? []),
    ]),
  ]);

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
