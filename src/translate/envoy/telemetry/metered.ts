// Between whom traffic is counted: the few plain facts of the workload and of one of its chains that metrics are labelled with.
// https://istio.io/latest/docs/reference/config/metrics/#labels
import type { Proxy } from '../../../model/proxy/proxy.ts';
import type { TrafficTelemetry } from '../../../model/mesh/telemetry.ts';

/** The workload itself. */
export interface MeteredWorkload {
  readonly workload: string;
  readonly namespace: string;
  readonly canonicalName: string;
  readonly canonicalRevision: string;
  readonly app: string;
  readonly version: string;
  readonly cluster: string;
  /** What a request calls its destination counts as its name where nothing else is known: not at the mesh's edge. */
  readonly trustsHost: boolean;
}

/** What one chain receives, and for which service; without one '' stands for its names. */
export interface Received {
  /** Whether peers have proven who they are. */
  readonly mtls: boolean;
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
}

/** undefined where nothing is counted, so that workloads can share. */
export function meteredBy(proxy: Proxy, telemetry: TrafficTelemetry | undefined): MeteredWorkload | undefined {
  if (telemetry === undefined || telemetry.metrics === 'off') return undefined;
  const { canonicalName, canonicalRevision, labels } = proxy;
  return {
    workload: proxy.workloadName,
    namespace: proxy.namespace,
    canonicalName,
    canonicalRevision,
    app: labels['app'] ?? canonicalName,
    version: labels['version'] ?? canonicalRevision,
    cluster: proxy.clusterId,
    trustsHost: proxy.type === 'sidecar',
  };
}
