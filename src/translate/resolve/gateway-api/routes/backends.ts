// Backends of routes: the service that a reference means, and why it cannot be used. A backend that is not there keeps its share
// of the requests, and they are answered with 500.
// https://gateway-api.sigs.k8s.io/reference/spec/#backendref
import type { Destination, gatewayApi } from '../../../../model/schema/index.ts';
import type { ReferenceGrants } from '../reference-grants.ts';
import type { Fault } from '../status/conditions.ts';
import type { RouteKind } from './attachment.ts';

/** What a reference leads to; a `broken` one takes its whole route out of service. */
export interface Backend {
  readonly destination: Destination;
  readonly fault?: Fault;
  readonly broken?: true;
}

export interface BackendLookup {
  readonly grants: ReferenceGrants;
  readonly clusterDomain: string;
  hasService(namespace: string, name: string): boolean;
  /** Whether a service of this host name is in the namespace. */
  hasHost(namespace: string, host: string): boolean;
}

/** Where requests go that may go nowhere. */
export const nowhere: Destination = { host: '' };

/** `enforce`: whether a service of another namespace has to be granted, as it has for routes of gateways. */
export function backend(
  lookup: BackendLookup,
  route: { readonly kind: RouteKind; readonly namespace: string },
  reference: gatewayApi.BackendObjectReference,
  enforce: boolean,
): Backend {
  const { group, kind, name, namespace = route.namespace, port } = reference;
  if (enforce && !lookup.grants(route, { group, kind, namespace, name }))
    return {
      destination: nowhere,
      fault: { reason: 'RefNotPermitted', message: `No ReferenceGrant of namespace ${namespace} lets a ${route.kind} of ${route.namespace} use ${kind} ${name}` }, // prettier-ignore
    };
  const host = hostOf(lookup, group, kind, namespace, reference);
  if (host === undefined)
    return { destination: nowhere, fault: { reason: 'InvalidKind', message: `A backend cannot be a ${kind} of the group "${group}"` } }; // prettier-ignore
  if (isService(group, kind) && name.includes('.'))
    return broken('InvalidDestination', `${name} is a host name; the name of a Service is needed`);
  if (isHostname(group, kind) && reference.namespace !== undefined)
    return broken('InvalidDestination', 'A Hostname has no namespace');
  if (port === undefined) return broken('InvalidDestination', 'A backend needs a port');
  const known = isHostname(group, kind) ? lookup.hasHost(namespace, host) : lookup.hasService(namespace, name);
  return {
    destination: { host, port: { number: port } },
    ...(!known && { fault: { reason: 'BackendNotFound', message: `There is no service ${host}` } }),
  };
}

const broken = (reason: string, message: string): Backend => ({
  destination: nowhere,
  fault: { reason, message },
  broken: true,
});

const isService = (group: string, kind: string): boolean => group === '' && kind === 'Service';
const isHostname = (group: string, kind: string): boolean => group === 'networking.istio.io' && kind === 'Hostname';

function hostOf(
  { clusterDomain }: BackendLookup,
  group: string,
  kind: string,
  namespace: string,
  { name }: gatewayApi.BackendObjectReference,
): string | undefined {
  if (isHostname(group, kind)) return name;
  const imported = group === 'multicluster.x-k8s.io' && kind === 'ServiceImport';
  return isService(group, kind) || imported ? `${name}.${namespace}.svc.${clusterDomain}` : undefined;
}
