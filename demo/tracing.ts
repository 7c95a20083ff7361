// Where the shop's proxies send their spans: an OpenTelemetry collector outside the mesh, if there is one.
// https://istio.io/latest/docs/tasks/observability/distributed-tracing/opentelemetry/
import { isIP } from 'node:net';

import { stringify } from 'yaml';

import { namespace } from './pods.ts';

export interface TraceCollector {
  readonly host: string;
  readonly port: number;
  readonly protocol: 'grpc' | 'http';
}

/** OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_PROTOCOL, as OpenTelemetry defines them; none by default. */
export function collectorOf(env: NodeJS.ProcessEnv): TraceCollector | undefined {
  const endpoint = env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? '';
  if (endpoint === '') return undefined;
  const protocol = env['OTEL_EXPORTER_OTLP_PROTOCOL'] === 'grpc' ? 'grpc' : 'http';
  const { hostname, port } = new URL(endpoint);
  return { host: hostname, port: Number(port || (protocol === 'grpc' ? 4317 : 4318)), protocol };
}

export const collectorHost = 'collector.example';

/** The port under which the mesh knows it. */
export const collectorPort = 4317;

/** The file tracing.yaml: the collector as a service, and that every request is traced. */
export const tracingFile = (collector: TraceCollector): string =>
  [meshConfig(collector), serviceEntry(collector), everything].map((object) => stringify(object)).join('---\n');

const meshConfig = ({ protocol }: TraceCollector): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'istio', namespace: 'istio-system' },
  data: {
    mesh: stringify({
      extensionProviders: [
        {
          name: 'collector',
          opentelemetry: {
            service: collectorHost,
            port: collectorPort,
            ...(protocol === 'http' && { http: { path: '/v1/traces', timeout: '5s' } }),
          },
        },
      ],
    }),
  },
});

const serviceEntry = ({ host, port, protocol }: TraceCollector): object => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'ServiceEntry',
  metadata: { name: 'collector', namespace },
  spec: {
    hosts: [collectorHost],
    location: 'MESH_EXTERNAL',
    resolution: isIP(host) === 0 ? 'DNS' : 'STATIC',
    ports: [{ number: collectorPort, name: protocol, protocol: protocol.toUpperCase(), targetPort: port }],
    endpoints: [{ address: host }],
  },
});

const everything = {
  apiVersion: 'telemetry.istio.io/v1',
  kind: 'Telemetry',
  metadata: { name: 'traces', namespace },
  spec: { tracing: [{ providers: [{ name: 'collector' }], randomSamplingPercentage: 100 }] },
};
