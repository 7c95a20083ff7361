// What is observed of one workload: Telemetry objects, the mesh's default providers and the services that they lead to.
// https://istio.io/latest/docs/reference/config/telemetry/
import { memo, sharedValue } from '../../../model/memo.ts';
import type { Mesh, MeshSettings, Service } from '../../../model/mesh/mesh.ts';
import type { Proxy } from '../../../model/proxy/proxy.ts';
import { at } from '../../../model/source.ts';
import type { SourceRef } from '../../../model/source.ts';
import type { TrafficTelemetry, WorkloadTelemetry } from '../../../model/mesh/telemetry.ts';
import type { Hosts } from '../security/extension-provider.ts';
import { namespacesByHost } from '../security/extension-provider.ts';
import { accessLogSinks } from './access-logging.ts';
import type { Telemetry } from './applicable.ts';
import { telemetriesFor } from './applicable.ts';
import { metricSettings } from './metrics.ts';
import type { Mode } from './providers.ts';
import { traceSettings } from './tracing.ts';

/** The same object for all workloads of which the same is observed. `served`: the service that a waypoint is asked for. */
export function workloadTelemetry(
  { settings, services }: Pick<Mesh, 'settings' | 'services'>,
  objects: ReadonlyMap<string, Telemetry>,
  proxy: Proxy,
  served?: Service,
): WorkloadTelemetry {
  const telemetries = telemetriesFor(objects, settings.rootNamespace, proxy, served);
  return resolved(settings, namespacesByHost(services), telemetries);
}

/** Services come and go: only what the collectors are found to be is kept apart from them. */
const resolved = memo((settings: MeshSettings, hosts: Hosts, telemetries: readonly Telemetry[]): WorkloadTelemetry => ({
  client: traffic(settings, hosts, telemetries, 'CLIENT'),
  server: traffic(settings, hosts, telemetries, 'SERVER'),
}));

const traffic = (
  settings: MeshSettings,
  hosts: Hosts,
  telemetries: readonly Telemetry[],
  mode: Mode,
): TrafficTelemetry =>
  sharedValue({
    sources: {
      logs: sources(settings, telemetries, 'accessLogging'),
      tracing: sources(settings, telemetries, 'tracing'),
      metrics: sources(settings, telemetries, 'metrics'),
    },
    logs: accessLogSinks(settings, hosts, telemetries, mode),
    tracing: traceSettings(settings, hosts, telemetries, mode),
    metrics: metricSettings(settings, telemetries, mode),
  });

/** The objects that say something of it, else the mesh's default. */
function sources(
  settings: MeshSettings,
  telemetries: readonly Telemetry[],
  field: 'accessLogging' | 'tracing' | 'metrics',
): readonly SourceRef[] {
  const own = telemetries.filter(({ spec }) => (spec[field] ?? []).length > 0);
  return own.length > 0
    ? own.map(({ source }) => at(source, `spec.${field}`))
    : [at(settings.source, `defaultProviders.${field}`)];
}
