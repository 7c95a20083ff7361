// What the daemon knows at the moment it is asked: proxies, services, problems and how long certificates are good for.
// https://istio.io/latest/docs/reference/commands/pilot-discovery/#metrics
import type { Registry } from 'prom-client';
import { Gauge } from 'prom-client';

import type { ProxyStatus } from '../model/proxy/proxy-status.ts';
import type { TypeUrl } from '../model/envoy/resource.ts';
import { resourceTypes } from '../model/envoy/resource.ts';

/** Times are milliseconds since 1970. */
export interface CurrentState {
  readonly startedAt: number;
  readonly now: number;
  readonly proxies: readonly ProxyStatus[];
  readonly services: number;
  readonly virtualServices: number;
  /** Problems by severity. */
  readonly problems: Readonly<Record<'error' | 'warning', number>>;
  readonly quarantined: number;
  /** What could not be made because of a bug of ours, since the start. */
  readonly bugs: number;
  /** The ends of the root that lasts shortest, and of the certificate that signs. */
  readonly rootExpiry: number;
  readonly signerExpiry: number;
}

type Value = (state: CurrentState) => number;

const gauges: Readonly<Record<string, readonly [help: string, value: Value]>> = {
  pilot_services: ['Services of the mesh.', ({ services }) => services],
  pilot_virt_services: ['VirtualServices of the mesh.', ({ virtualServices }) => virtualServices],
  istiod_uptime_seconds: ['Since the start.', ({ now, startedAt }) => (now - startedAt) / 1000],
  pilot_total_xds_internal_errors: ['Configurations and resources that could not be made.', ({ bugs }) => bugs],
  pilot_xds_cds_reject: ['Proxies whose last clusters are rejected.', rejecting(resourceTypes.cluster)],
  pilot_xds_eds_reject: ['Proxies whose last endpoints are rejected.', rejecting(resourceTypes.endpoint)],
  pilot_xds_lds_reject: ['Proxies whose last listeners are rejected.', rejecting(resourceTypes.listener)],
  pilot_xds_rds_reject: ['Proxies whose last routes are rejected.', rejecting(resourceTypes.route)],
  keelson_proxies_out_of_sync: ['Proxies that have not accepted all that is theirs.', ({ proxies }) => proxies.filter(({ synced }) => !synced).length], // prettier-ignore
  keelson_quarantined_resources: ['Resources whose last good version stays because a proxy rejects a newer one.', ({ quarantined }) => quarantined], // prettier-ignore
  citadel_server_root_cert_expiry_timestamp: ['When the first root ends, in seconds since 1970.', ({ rootExpiry }) => rootExpiry / 1000], // prettier-ignore
  citadel_server_root_cert_expiry_seconds: ['Until the first root ends.', ({ rootExpiry, now }) => (rootExpiry - now) / 1000], // prettier-ignore
  citadel_server_cert_chain_expiry_timestamp: ['When the certificate that signs ends, in seconds since 1970.', ({ signerExpiry }) => signerExpiry / 1000], // prettier-ignore
  citadel_server_cert_chain_expiry_seconds: ['Until the certificate that signs ends.', ({ signerExpiry, now }) => (signerExpiry - now) / 1000], // prettier-ignore
};

/** Rejected and not accepted since. */
function rejecting(wanted: TypeUrl): Value {
  return ({ proxies }) =>
    proxies.filter(({ types }) => types.some(({ type, lastNack }) => type === wanted && lastNack !== undefined)).length;
}

export function registerState(registry: Registry, version: string, state: () => CurrentState): void {
  const register = (name: string, help: string, labelNames: readonly string[], collect: (gauge: Gauge) => void): void =>
    registry.registerMetric(new Gauge({ name, help, labelNames, registers: [], collect() { collect(this); } })); // prettier-ignore
  for (const [name, [help, value]] of Object.entries(gauges))
    register(name, help, [], (gauge) => gauge.set(value(state())));
  register('pilot_xds', 'Proxies that are connected, by the version that they say they have.', ['version'], (gauge) => {
    gauge.reset();
    for (const { node } of state().proxies) gauge.inc({ version: versionOf(node.metadata) });
  });
  register('keelson_problems', 'Problems of the objects that are in force, by severity.', ['severity'], (gauge) => {
    for (const [severity, count] of Object.entries(state().problems)) gauge.set({ severity }, count);
  });
  register('pilot_info', 'What runs.', ['version'], (gauge) => gauge.set({ version }, 1));
  register('istio_build', 'What runs.', ['component', 'tag'], (gauge) => gauge.set({ component: 'pilot', tag: version }, 1)); // prettier-ignore
}

/** It comes from the network and becomes a label. */
function versionOf(metadata: Readonly<Record<string, unknown>>): string {
  const version = metadata['ISTIO_VERSION'];
  return typeof version === 'string' && /^[\w.-]{1,64}$/.test(version) ? version : 'unknown';
}
