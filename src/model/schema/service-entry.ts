// ServiceEntry, WorkloadEntry and WorkloadGroup: services and workloads that Kubernetes does not know.
// https://istio.io/latest/docs/reference/config/networking/service-entry/
// https://istio.io/latest/docs/reference/config/networking/workload-entry/
import type { Static } from './fields.ts';
import { integer, list, map, message, oneOf, openMessage, positivePort, string, text, uint32 } from './fields.ts';
import { WorkloadSelector } from './common.ts';
import { StatusCondition } from './core.ts';

/** networking.v1.ServicePort, renamed because Kubernetes has one too. */
export const ServiceEntryPort = message(
  {
    number: positivePort,
    protocol: text({ maxLength: 256 }),
    name: text({ maxLength: 256 }),
    targetPort: positivePort,
  },
  ['number', 'name'],
);
export type ServiceEntryPort = Static<typeof ServiceEntryPort>;

export const WorkloadEntrySpec = message({
  address: text({ maxLength: 256 }),
  ports: map(positivePort, { maxProperties: 128 }),
  labels: map(string, { maxProperties: 256 }),
  network: text({ maxLength: 2048 }),
  locality: text({ maxLength: 2048 }),
  weight: uint32,
  serviceAccount: text({ maxLength: 253 }),
});
export type WorkloadEntrySpec = Static<typeof WorkloadEntrySpec>;

/** What health checks found, which the control plane or the workload's agent writes. */
export const WorkloadEntryStatus = openMessage({ conditions: list(StatusCondition) });
export type WorkloadEntryStatus = Static<typeof WorkloadEntryStatus>;

export const WorkloadEntryBody = message({ spec: WorkloadEntrySpec, status: WorkloadEntryStatus }, ['spec']);

export const ServiceEntrySpec = message(
  {
    hosts: list(string, { minItems: 1, maxItems: 256 }),
    addresses: list(text({ maxLength: 64 }), { maxItems: 256 }),
    ports: list(ServiceEntryPort, { maxItems: 256 }),
    location: oneOf('MESH_EXTERNAL', 'MESH_INTERNAL'),
    resolution: oneOf('NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS'),
    endpoints: list(WorkloadEntrySpec, { maxItems: 4096 }),
    workloadSelector: WorkloadSelector,
    exportTo: list(string),
    subjectAltNames: list(string),
  },
  ['hosts'],
);
export type ServiceEntrySpec = Static<typeof ServiceEntrySpec>;

/** Addresses that were allocated for the entry's hosts, which the control plane writes. */
export const ServiceEntryStatus = openMessage({ addresses: list(openMessage({ value: string, host: string })) });
export type ServiceEntryStatus = Static<typeof ServiceEntryStatus>;

export const ServiceEntryBody = message({ spec: ServiceEntrySpec, status: ServiceEntryStatus }, ['spec']);

const seconds = integer(0, 2147483647);

export const HTTPHeader = message({ name: text({ pattern: '^[-_A-Za-z0-9]+$' }), value: string });
export type HTTPHeader = Static<typeof HTTPHeader>;

export const HTTPHealthCheckConfig = message(
  { path: string, port: positivePort, host: string, scheme: oneOf('', 'HTTP', 'HTTPS'), httpHeaders: list(HTTPHeader) },
  ['port'],
);
export type HTTPHealthCheckConfig = Static<typeof HTTPHealthCheckConfig>;

/** At most one of httpGet, tcpSocket, exec and grpc. */
export const ReadinessProbe = message({
  initialDelaySeconds: seconds,
  timeoutSeconds: seconds,
  periodSeconds: seconds,
  successThreshold: seconds,
  failureThreshold: seconds,
  httpGet: HTTPHealthCheckConfig,
  tcpSocket: message({ host: string, port: positivePort }, ['port']),
  exec: message({ command: list(text({ minLength: 1 })) }, ['command']),
  grpc: message({ port: positivePort, service: string }),
});
export type ReadinessProbe = Static<typeof ReadinessProbe>;

export const WorkloadGroupSpec = message(
  {
    metadata: message({
      labels: map(string, { maxProperties: 256 }),
      annotations: map(string, { maxProperties: 256 }),
    }),
    template: WorkloadEntrySpec,
    probe: ReadinessProbe,
  },
  ['template'],
);
export type WorkloadGroupSpec = Static<typeof WorkloadGroupSpec>;
