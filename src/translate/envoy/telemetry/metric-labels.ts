// The labels of the standard metrics, in Istio's order: between whom, by which way, and how it ended.
// https://istio.io/latest/docs/reference/config/metrics/#labels
import type { SelfLabel } from '../../../model/proxy/self-labels.ts';
import { selfVariables } from '../../../model/proxy/self-labels.ts';
import type { MeteredWorkload, Received, Sent } from './metered.ts';
import type { Command } from './format.ts';
import { cel, command, firstOf, literal, text, unknown } from './format.ts';
import type { PeerPart, ServicePart } from './peers.ts';
import { calledPart, callerPart, connectedPart } from './peers.ts';

/** Format by name of the label. */
export type Labels = Readonly<Record<string, string>>;

export interface Metered {
  readonly workload: MeteredWorkload;
  readonly protocol: 'http' | 'tcp';
  /** Absent: traffic that the workload sends. */
  readonly received: Received | undefined;
  /** Absent: only the request or the connection itself tells. */
  readonly sent: Sent | undefined;
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
  if (received === undefined) return ofWorkload('source', ownLabel(workload), principal('UPSTREAM_LOCAL_URI_SAN'));
  const part: Part = received.mtls ? (name) => firstOf(callerPart(name)) : () => unknown;
  return ofWorkload('source', ofPeer(part), received.mtls ? principal('DOWNSTREAM_PEER_URI_SAN') : unknown);
}

function destinationLabels({ workload, protocol, received, sent }: Metered): Labels {
  if (received !== undefined) {
    const label = ownLabel(workload);
    const own = received.mtls ? principal('DOWNSTREAM_LOCAL_URI_SAN') : unknown;
    return {
      ...ofWorkload('destination', label, own),
      destination_service: literal(received.host),
      destination_service_name: literal(received.name),
      destination_service_namespace: received.namespace === '' ? label('namespace') : literal(received.namespace),
    };
  }
  const part = (name: PeerPart | ServicePart): Command =>
    protocol === 'http' ? calledPart(name) : connectedPart(name);
  const endpoint: Label = sent?.outside === true ? () => unknown : ofPeer((name) => firstOf(part(name)));
  return {
    ...ofWorkload('destination', endpoint, principal('UPSTREAM_PEER_URI_SAN')),
    ...(sent === undefined ? calledService(part, protocol, workload) : namedService(sent)),
  };
}

const namedService = ({ host, name, namespace }: Sent): Labels => ({
  destination_service: literal(host),
  destination_service_name: literal(name),
  destination_service_namespace: literal(namespace),
});

function calledService(
  part: (name: PeerPart | ServicePart) => Command,
  protocol: Metered['protocol'],
  { trustsHost }: MeteredWorkload,
): Labels {
  const host = protocol === 'http' && trustsHost ? [command('REQ', ':AUTHORITY')] : [];
  const cluster = protocol === 'http' ? host : [cel('xds.cluster_name')];
  return {
    destination_service: firstOf(part('service'), ...host),
    destination_service_name: firstOf(part('service_name'), ...cluster),
    destination_service_namespace: firstOf(part('service_namespace'), part('namespace')),
  };
}

const principal = (name: string): string => firstOf(command(name));

type Label = (label: Exclude<SelfLabel, 'meshId'>) => string;

const ownLabel =
  ({ names }: MeteredWorkload): Label =>
  (label) =>
    names === 'environment' ? text(command('ENVIRONMENT', selfVariables[label])) : literal(names[label]);

/** Peers tell their canonical names, which stand for the labels `app` and `version` as well. */
const ofPeer =
  (part: Part): Label =>
  (label) => {
    if (label === 'canonicalName') return part('app');
    return part(label === 'canonicalRevision' ? 'version' : label);
  };

const ofWorkload = (end: 'source' | 'destination', label: Label, identity: string): Labels => ({
  [`${end}_workload`]: label('workload'),
  [`${end}_canonical_service`]: label('canonicalName'),
  [`${end}_canonical_revision`]: label('canonicalRevision'),
  [`${end}_workload_namespace`]: label('namespace'),
  [`${end}_principal`]: identity,
  [`${end}_app`]: label('app'),
  [`${end}_version`]: label('version'),
  [`${end}_cluster`]: label('cluster'),
});
