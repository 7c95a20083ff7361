// Statistics names that the mesh asks for instead of cluster names.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-inbound_cluster_stat_name
import type { Service, ServicePort } from '../../../model/mesh/mesh.ts';

/** What a pattern can mention. */
export interface StatSubject {
  readonly service: Service | undefined;
  /** The whole host name where there is no service for it. */
  readonly host: string;
  readonly port: Pick<ServicePort, 'number' | 'name'> | undefined;
  readonly portNumber: number;
  /** Of inbound clusters; outbound there is none, which is written as 0. */
  readonly targetPort?: number;
  /** Outbound only; a pattern's `%SUBSET_NAME%` stays as it is otherwise. */
  readonly subset?: string;
}

/** `pattern` filled in, or `fallback` without a pattern. */
export function statPrefix(pattern: string | undefined, fallback: string, subject: StatSubject): string {
  if (pattern === undefined || pattern === '') return fallback;
  const { service, host, port, portNumber, targetPort, subset } = subject;
  const kubernetes = service?.registry === 'Kubernetes';
  const short = kubernetes ? `${service.name}.${service.namespace}` : host;
  return pattern
    .replaceAll('%SERVICE%', () => short)
    .replaceAll('%SERVICE_NAME%', () => service?.name ?? '')
    .replaceAll('%SERVICE_FQDN%', () => host)
    .replaceAll('%SERVICE_PORT%', () => String(portNumber))
    .replaceAll('%SERVICE_PORT_NAME%', () => port?.name ?? '')
    .replaceAll('%TARGET_PORT%', (text) => String(targetPort ?? (subset === undefined ? text : 0)))
    .replaceAll('%SUBSET_NAME%', (text) => subset ?? text);
}
