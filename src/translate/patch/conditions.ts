// What a patch's match says of listeners, filter chains and clusters.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/#EnvoyFilter-EnvoyConfigObjectMatch
import type { MessageOf } from '../../xds/generated/messages.ts';
import { inboundPassthroughCluster, virtualInbound, virtualOutbound } from '../names.ts';
import type { Patch } from './patch.ts';

type Listener = MessageOf['envoy.config.listener.v3.Listener'];
type FilterChain = MessageOf['envoy.config.listener.v3.FilterChain'];

export type PatchContext = 'SIDECAR_INBOUND' | 'SIDECAR_OUTBOUND' | 'GATEWAY';

export const isFor = ({ match: { context = 'ANY' } }: Patch, where: PatchContext): boolean =>
  context === 'ANY' || context === where;

/** What has no context of its own is added where traffic goes out, once. */
export const addsTo = ({ match: { context = 'ANY' } }: Patch, where: PatchContext): boolean =>
  context === 'ANY' ? where !== 'SIDECAR_INBOUND' : context === where;

/** These take traffic of all ports, and have a chain for each. */
const isVirtual = ({ name }: Listener): boolean => name === virtualInbound || name === virtualOutbound;

export function meetsListener({ applyTo, match: { listener: wanted } }: Patch, listener: Listener): boolean {
  if (wanted === undefined) return true;
  const { name = '', portNumber = 0 } = wanted;
  if (name !== '' && name !== listener.name) return false;
  if (portNumber === 0 || (applyTo !== 'LISTENER' && isVirtual(listener))) return true;
  return listener.address?.socket_address?.port_value === portNumber;
}

export function meetsChain({ match: { listener: wanted } }: Patch, listener: Listener, chain: FilterChain): boolean {
  if (wanted === undefined) return true;
  const { portNumber = 0, filterChain = {} } = wanted;
  const { name = '', sni = '', transportProtocol = '', applicationProtocols = '', destinationPort = 0 } = filterChain;
  const match = chain.filter_chain_match ?? {};
  const onPort = (port: number): boolean => port === 0 || match.destination_port === port;
  return (
    (!isVirtual(listener) || onPort(portNumber)) &&
    onPort(destinationPort) &&
    (name === '' || name === chain.name) &&
    (sni === '' || (match.server_names ?? []).includes(sni)) &&
    (transportProtocol === '' || match.transport_protocol === transportProtocol) &&
    (applicationProtocols === '' ||
      applicationProtocols.split(',').every((each) => (match.application_protocols ?? []).includes(each)))
  );
}

/** The network filter that a patch is about; '' for none in particular. */
export const networkFilterName = ({ match }: Patch): string => match.listener?.filterChain?.filter?.name ?? '';
export const httpFilterName = ({ match }: Patch): string => match.listener?.filterChain?.filter?.subFilter?.name ?? '';
export const listenerFilterName = ({ match }: Patch): string => match.listener?.listenerFilter ?? '';

/** `hosts`: of an inbound cluster, whose name has none. */
export function meetsCluster({ match }: Patch, clusterName: string, hosts: readonly string[]): boolean {
  const { cluster: wanted } = match;
  if (wanted === undefined) return true;
  const { name = '', service = '', subset = '', portNumber = 0 } = wanted;
  if (name !== '') return name === clusterName;
  const parts = clusterParts(clusterName);
  return (
    (subset === '' || subset === parts.subset) &&
    (service === '' || (parts.host === '' ? hosts.includes(service) : service === parts.host)) &&
    (portNumber === 0 || portNumber === parts.port)
  );
}

/** `outbound|80|v1|host`, or with `_.` between them as a server name has it. */
function clusterParts(name: string): { readonly port: number; readonly subset: string; readonly host: string } {
  const [, port = '', subset = '', ...host] = name.split(name.includes('|') ? '|' : /_\.(?=.)/);
  return { port: Number(port), subset: subset === '_' ? '' : subset, host: host.join('_.') };
}

export const clusterContext = (name: string): PatchContext =>
  name.startsWith('inbound|') || name === inboundPassthroughCluster ? 'SIDECAR_INBOUND' : 'SIDECAR_OUTBOUND';
