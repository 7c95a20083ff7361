// Between whom traffic is counted: the few plain facts of the workload and of one of its chains that metrics are labelled with.
// https://istio.io/latest/docs/reference/config/metrics/#labels
import type { Proxy } from '../../../model/proxy/proxy.ts';
import type { SelfLabel } from '../../../model/proxy/self-labels.ts';
import { hasOwnLabels } from '../../../model/proxy/self-labels.ts';
import type { TrafficTelemetry } from '../../../model/mesh/telemetry.ts';

/** Where configuration has the workload's own names from: it says them, or has the proxy read them from its environment. */
export type OwnNames = 'literal' | 'environment';

/** As the proxy wishes, for configuration that could be the same for others but for these names. */
export const ownNames = ({ metadata }: Proxy): OwnNames => (hasOwnLabels(metadata) ? 'environment' : 'literal');

/** The workload itself. */
export interface MeteredWorkload {
  readonly names: Readonly<Record<Exclude<SelfLabel, 'meshId'>, string>> | 'environment';
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

/** The one service that a chain sends to; without one '' stands for its names. */
export interface Sent {
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
  /** Nothing is known of who is there. */
  readonly outside: boolean;
}

/** undefined where nothing is counted, so that workloads can share. */
export function meteredBy(
  proxy: Proxy,
  telemetry: TrafficTelemetry | undefined,
  names: OwnNames,
): MeteredWorkload | undefined {
  if (telemetry === undefined || telemetry.metrics === 'off') return undefined;
  return { names: names === 'literal' ? namesOf(proxy) : names, trustsHost: proxy.type === 'sidecar' };
}

function namesOf(proxy: Proxy): Exclude<MeteredWorkload['names'], string> {
  const { canonicalName, canonicalRevision, labels } = proxy;
  return {
    workload: proxy.workloadName,
    namespace: proxy.namespace,
    canonicalName,
    canonicalRevision,
    app: labels['app'] ?? canonicalName,
    version: labels['version'] ?? canonicalRevision,
    cluster: proxy.clusterId,
  };
}
