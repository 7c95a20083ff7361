// The labels of the standard metrics, in Istio's order: between whom, by which way, and how it ended.
// https://istio.io/latest/docs/reference/config/metrics/#labels
import type { MeteredWorkload, Received } from './metered.ts';
import type { Command } from './format.ts';
import { cel, command, firstOf, literal, unknown } from './format.ts';
import type { PeerPart, ServicePart } from './peers.ts';
import { calledPart, callerPart, connectedPart } from './peers.ts';

/** Format by name of the label. */
export type Labels = Readonly<Record<string, string>>;

export interface Metered {
  readonly workload: MeteredWorkload;
  readonly protocol: 'http' | 'tcp';
  /** Absent: traffic that the workload sends. */
  readonly received: Received | undefined;
}

export function metricLabels(metered: Metered): Labels {
  const { protocol, received } = metered;
  return {
    reporter: received === undefined ? 'source' : 'destination',
    ...sourceLabels(metered),
    ...destinationLabels(metered),
    request_protocol: protocol === 'tcp' ? 'tcp' : requestProtocol,
    ...(protocol === 'http' && { response_code: '%RESPONSE_CODE%', grpc_response_status: '%GRPC_STATUS_NUMBER%' }),
    response_flags: '%RESPONSE_FLAGS%',
    connection_security_policy: securityPolicy(received),
  };
}

/** Only who receives knows for sure. */
function securityPolicy(received: Received | undefined): string {
  if (received === undefined) return unknown;
  return received.mtls ? 'mutual_tls' : 'none';
}

const requestProtocol = `%CEL('content-type' in request.headers && request.headers['content-type'].startsWith('application/grpc') ? 'grpc' : 'http')%`;

type Part = (part: PeerPart) => string;

function sourceLabels({ workload, received }: Metered): Labels {
  if (received === undefined)
    return ofWorkload('source', ownPart(workload), workload, principal('UPSTREAM_LOCAL_URI_SAN'));
  const part: Part = received.mtls ? (name) => firstOf(callerPart(name)) : () => unknown;
  return ofWorkload('source', part, undefined, received.mtls ? principal('DOWNSTREAM_PEER_URI_SAN') : unknown);
}

function destinationLabels({ workload, protocol, received }: Metered): Labels {
  if (received !== undefined) {
    const own = received.mtls ? principal('DOWNSTREAM_LOCAL_URI_SAN') : unknown;
    return {
      ...ofWorkload('destination', ownPart(workload), workload, own),
      destination_service: literal(received.host),
      destination_service_name: literal(received.name),
      destination_service_namespace: literal(received.namespace || workload.namespace),
    };
  }
  const part = (name: PeerPart | ServicePart): Command =>
    protocol === 'http' ? calledPart(name) : connectedPart(name);
  const host = protocol === 'http' && workload.trustsHost ? [command('REQ', ':AUTHORITY')] : [];
  const cluster = protocol === 'http' ? host : [cel('xds.cluster_name')];
  return {
    ...ofWorkload('destination', (name) => firstOf(part(name)), undefined, principal('UPSTREAM_PEER_URI_SAN')),
    destination_service: firstOf(part('service'), ...host),
    destination_service_name: firstOf(part('service_name'), ...cluster),
    destination_service_namespace: firstOf(part('service_namespace'), part('namespace')),
  };
}

const principal = (name: string): string => firstOf(command(name));

const ownPart =
  (own: MeteredWorkload): Part =>
  (part) =>
    literal(own[part]);

/** Peers tell their canonical names, which stand for the labels `app` and `version` as well. */
function ofWorkload(
  end: 'source' | 'destination',
  part: Part,
  own: MeteredWorkload | undefined,
  identity: string,
): Labels {
  return {
    [`${end}_workload`]: part('workload'),
    [`${end}_canonical_service`]: own === undefined ? part('app') : literal(own.canonicalName),
    [`${end}_canonical_revision`]: own === undefined ? part('version') : literal(own.canonicalRevision),
    [`${end}_workload_namespace`]: part('namespace'),
    [`${end}_principal`]: identity,
    [`${end}_app`]: part('app'),
    [`${end}_version`]: part('version'),
    [`${end}_cluster`]: part('cluster'),
  };
}
