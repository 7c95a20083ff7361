// The daemon's own metrics: istiod's names where they mean the same, and ours. Events are counted as they happen; what
// there is at the moment is looked up when somebody asks.
// https://istio.io/latest/docs/reference/commands/pilot-discovery/#metrics
import { Counter, Histogram, Registry } from 'prom-client';

import type { CredentialFault } from '../model/proxy/credential-fault.ts';
import type { TypeUrl } from '../model/envoy/resource.ts';
import { resourceTypes } from '../model/envoy/resource.ts';
import type { AdmissionMetrics } from './admission-metrics.ts';
import type { Count } from './by-type.ts';
import { counterByType, histogramByType } from './by-type.ts';
import { admissionMetrics } from './admission-metrics.ts';
import type { CurrentState } from './current-state.ts';
import { registerState } from './current-state.ts';
import { processMetrics } from './pauses.ts';

/** Durations are milliseconds. */
export interface DaemonMetrics extends AdmissionMetrics {
  /** A response, which `took` that long to make. */
  readonly sent: (type: TypeUrl, resources: number, bytes: number, took: number) => void;
  readonly settled: (type: TypeUrl, accepted: boolean, after: number) => void;
  readonly converged: (after: number) => void;
  /** A push cycle, and how many resources had to be made for it. */
  readonly cycle: (took: number, made: number) => void;
  /** What sorts of objects set off a push. */
  readonly triggered: (sorts: ReadonlySet<string>) => void;
  /** An object has come, changed or gone; `registry` if it says where services are. */
  readonly objectChanged: (kind: string, event: 'add' | 'update' | 'delete', registry: boolean) => void;
  /** A request for a certificate has ended. */
  readonly certificate: (outcome: CertificateOutcome) => void;
  /** Somebody was not let in, for this reason. */
  readonly rejectedCredential: (fault: CredentialFault) => void;
  /** In Prometheus' text format. */
  readonly text: () => Promise<string>;
}

export type CertificateOutcome = 'issued' | 'unauthenticated' | 'unreadable' | 'turned away' | 'failed';

/** `state` is asked whenever the metrics are. */
export function daemonMetrics(version: string, state: () => CurrentState): DaemonMetrics {
  const registry = new Registry();
  processMetrics(registry);
  registerState(registry, version, state);
  const certificate = certificateMetrics(registry);
  const changes = changeMetrics(registry);
  return {
    ...pushMetrics(registry),
    ...changes,
    ...admissionMetrics(registry),
    certificate,
    rejectedCredential: rejectionMetrics(registry),
    text: () => registry.metrics(),
  };
}

/** As istiod shortens them. */
const shortNames: Readonly<Record<string, string>> = {
  [resourceTypes.cluster]: 'cds',
  [resourceTypes.endpoint]: 'eds',
  [resourceTypes.listener]: 'lds',
  [resourceTypes.route]: 'rds',
  [resourceTypes.virtualHost]: 'vhds',
  [resourceTypes.secret]: 'sds',
  [resourceTypes.extension]: 'ecds',
};
/** What proxies ask for besides may be anything. */
const typeName = (type: TypeUrl): string => shortNames[type] ?? 'other';

function pushMetrics(registry: Registry): Pick<DaemonMetrics, 'sent' | 'settled'> {
  const counter = (name: string, help: string): Count => counterByType(registry, name, help);
  const histogram = (name: string, help: string, bounds: readonly number[]): Count =>
    histogramByType(registry, name, help, bounds);
  const pushes = counter('pilot_xds_pushes', 'Responses sent to proxies, by type.');
  const sizes = histogram(
    'pilot_xds_config_size_bytes',
    'Size of the responses that were sent, by type.',
    [1, 10_000, 1_000_000, 4_000_000, 10_000_000, 40_000_000],
  );
  const resources = counter('keelson_xds_resources_sent_total', 'Resources sent to proxies, by type.');
  const bytes = counter('keelson_xds_bytes_sent_total', 'Bytes sent to proxies, by type.');
  const rejects = counter('pilot_total_xds_rejects', 'Responses that proxies rejected, by type.');
  const answers = histogram(
    'keelson_xds_answer_seconds',
    'From a response to the proxy having taken or rejected it, by type.',
    [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
  );
  const making = histogram(
    'pilot_xds_push_time',
    'Seconds to find out what differs for a proxy, to encode and to send it, by type.',
    [0.0001, 0.001, 0.01, 0.1, 1, 3, 5, 10, 20, 30],
  );
  return {
    sent: (url, count, size, took) => {
      const type = typeName(url);
      pushes(type, 1);
      making(type, seconds(took));
      sizes(type, size);
      resources(type, count);
      bytes(type, size);
    },
    settled: (url, accepted, after) => {
      const type = typeName(url);
      answers(type, seconds(after));
      if (!accepted) rejects(type, 1);
    },
  };
}

function changeMetrics(registry: Registry): Pick<DaemonMetrics, 'converged' | 'cycle' | 'triggered' | 'objectChanged'> {
  const own = { registers: [registry] };
  const convergence = new Histogram({
    name: 'pilot_proxy_convergence_time',
    help: 'Seconds from a change to the last answer of a proxy to what the change has caused.',
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 3, 5, 10, 20, 30],
    ...own,
  });
  const cycles = new Histogram({
    name: 'keelson_push_cycle_seconds',
    help: 'From a change to the configuration of all proxies having been gone through.',
    buckets: [0.001, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
    ...own,
  });
  const made = new Histogram({
    name: 'keelson_change_resources',
    help: 'Resources that had to be made for a change, for all proxies together.',
    buckets: [0, 1, 3, 10, 30, 100, 1000, 10_000],
    ...own,
  });
  const triggers = new Counter({
    name: 'pilot_push_triggers',
    help: 'Changes, by the sort of object that changed.',
    labelNames: ['type'],
    ...own,
  });
  const event = { labelNames: ['type', 'event'] as const, ...own };
  const ofConfiguration = new Counter({
    name: 'pilot_k8s_cfg_events',
    help: 'Objects of configuration that came, changed or went, by kind.',
    ...event,
  });
  const ofRegistry = new Counter({
    name: 'pilot_k8s_reg_events',
    help: 'Objects that say where services are that came, changed or went, by kind.',
    ...event,
  });
  return {
    objectChanged: (type, event, inRegistry) => (inRegistry ? ofRegistry : ofConfiguration).inc({ type, event }),
    converged: (after) => convergence.observe(seconds(after)),
    cycle: (took, count) => {
      cycles.observe(seconds(took));
      made.observe(count);
    },
    triggered: (sorts) => {
      for (const type of sorts) triggers.inc({ type });
    },
  };
}

/** A clock that was set back is no negative duration. */
const seconds = (milliseconds: number): number => Math.max(0, milliseconds) / 1000;

function rejectionMetrics(registry: Registry): DaemonMetrics['rejectedCredential'] {
  const name = 'keelson_rejected_credentials_total';
  const help = 'Tokens, certificates and claims that were not accepted.';
  const rejected = new Counter({ name, help, labelNames: ['reason'], registers: [registry] });
  return (reason) => rejected.inc({ reason });
}

function certificateMetrics(registry: Registry): DaemonMetrics['certificate'] {
  const counter = (name: string, help: string): Counter => new Counter({ name, help, registers: [registry] });
  const requests = counter('citadel_server_csr_count', 'Requests for certificates.');
  const outcomes: Readonly<Record<CertificateOutcome, Counter>> = {
    issued: counter('citadel_server_success_cert_issuance_count', 'Certificates issued on request.'),
    unauthenticated: counter('citadel_server_authentication_failure_count', 'Requests without valid credentials.'),
    unreadable: counter('citadel_server_csr_parsing_err_count', 'Requests that cannot be read.'),
    'turned away': counter('keelson_certificate_requests_limited_total', 'Requests beyond the limits on their rate.'),
    failed: counter('citadel_server_csr_sign_err_count', 'Requests that could not be signed.'),
  };
  return (outcome) => {
    requests.inc();
    outcomes[outcome].inc();
  };
}
