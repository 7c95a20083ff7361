// Which gateways a router serves, and on which ports of its own: servers name the ports of the Services in front of it.
// https://istio.io/latest/docs/reference/config/networking/gateway/
import type { Gateway, SourcedServer } from '../../../model/mesh/gateway.ts';
import { selects } from '../../../model/mesh/labels.ts';
import { isDatagram } from '../../../model/mesh/service-port.ts';
import { sharedList, sharedValue } from '../../../model/memo.ts';
import type { Proxy } from '../../../model/proxy/proxy.ts';
import type { ResolvedMesh } from '../../resolve/mesh.ts';
import type { Target } from '../../view/targets.ts';
import { targetSources, workloadTargets } from '../../view/targets.ts';

/** A port of a Service that leads to the router; canonical by `sharedValue`. */
export interface ServicePortTarget {
  readonly namespace: string;
  readonly hostname: string;
  readonly number: number;
  readonly targetPort: number;
  readonly udp: boolean;
  /** Servers that select the router by labels are not to be led through this Service. */
  readonly untranslated: boolean;
}

export interface SelectedGateways {
  /** The oldest first. */
  readonly gateways: readonly Gateway[];
  /** In the order in which they are asked for a port. */
  readonly targets: readonly ServicePortTarget[];
}

const untranslatedLabel = 'experimental.istio.io/disable-gateway-port-translation';

export function selectedGateways(resolved: ResolvedMesh, proxy: Proxy): SelectedGateways {
  const { mesh } = resolved;
  const targets = sharedList(workloadTargets(targetSources(resolved), proxy).map(serviceTarget));
  const { gatewaysOfOwnNamespace, strictGatewayMerging } = mesh.settings.features;
  const gateways = mesh.gateways.filter((gateway) => isFor(gateway, proxy, targets, gatewaysOfOwnNamespace));
  return { gateways: sharedList(strictGatewayMerging ? withoutStrangers(gateways) : gateways), targets };
}

/** What is deployed for a Gateway takes others that select it by labels only if they are of its namespace. */
function withoutStrangers(gateways: readonly Gateway[]): readonly Gateway[] {
  const owners = new Set(gateways.flatMap(({ deployed, namespace }) => (deployed === true ? namespace : [])));
  if (owners.size === 0) return gateways;
  return gateways.filter(({ workloads, namespace }) => workloads.by === 'services' || owners.has(namespace));
}

const serviceTarget = ({ service, servicePort, targetPort }: Target): ServicePortTarget =>
  sharedValue({
    namespace: service.namespace,
    hostname: service.hostname,
    number: servicePort.number,
    targetPort,
    udp: isDatagram(servicePort),
    untranslated: service.labels[untranslatedLabel] !== undefined,
  });

function isFor(gateway: Gateway, proxy: Proxy, targets: readonly ServicePortTarget[], onlyOwn: boolean): boolean {
  const { workloads, namespace } = gateway;
  if (onlyOwn && namespace !== proxy.namespace) return false;
  if (workloads.by === 'services') return targets.some((target) => leadsTo(target, workloads));
  return selects(workloads.labels, proxy.labels);
}

const leadsTo = (
  { namespace, hostname }: ServicePortTarget,
  services: { readonly namespace: string; readonly hostnames: readonly string[] },
): boolean => namespace === services.namespace && services.hostnames.includes(hostname);

/**
 * The router's own ports for a server's one. Labels say little: the first Service with such a port decides, and a port that
 * none has is the router's own. Where the gateway names its Services, they alone count.
 */
export function listeningPorts(
  { workloads }: Gateway,
  port: number,
  targets: readonly ServicePortTarget[],
  over: 'connections' | 'datagrams' = 'connections',
): readonly number[] {
  const named = targets.filter((target) => target.number === port && target.udp === (over === 'datagrams'));
  if (workloads.by === 'labels') return [named.find(({ untranslated }) => !untranslated)?.targetPort ?? port];
  const own = named.filter((target) => leadsTo(target, workloads)).map(({ targetPort }) => targetPort);
  return [...new Set(own)].toSorted((a, b) => a - b);
}

/** Istio's Gateways have no servers for datagrams. */
export const takesDatagrams = ({ workloads }: Gateway, { server }: SourcedServer): boolean =>
  workloads.by === 'services' && server.port.protocol === 'UDP';

/**
 * Where datagrams arrive that are for the server's port, which the router has for connections at `own`; undefined where
 * clients cannot reach it over UDP.
 */
export function datagramPort(
  gateway: Gateway,
  port: number,
  own: number,
  targets: readonly ServicePortTarget[],
): number | undefined {
  const { workloads } = gateway;
  const isReached = targets.some(
    (target) => target.udp && target.number === port && (workloads.by === 'labels' || leadsTo(target, workloads)),
  );
  if (!isReached) return undefined;
  const ports = listeningPorts(gateway, port, targets, 'datagrams');
  return ports.includes(own) ? own : ports[0];
}
