// What an east-west gateway listens on: the AUTO_PASSTHROUGH servers of the Gateway objects that select its workload, and the
// listeners like them of the Gateway API's, each with the port that the workload really has.
// https://istio.io/latest/docs/reference/config/networking/gateway/
import type { Gateway } from '../../model/gateway.ts';
import { sharedValue } from '../../model/memo.ts';
import type { Service } from '../../model/mesh.ts';
import type { Proxy } from '../../model/proxy.ts';
import type { KindMap } from '../../model/schema/index.ts';
import type { SourceRef } from '../../model/source.ts';
import { at } from '../../model/source.ts';
import { statusPorts } from '../envoy/listener/listener-facts.ts';
import { hostMatches } from '../resolve/host.ts';
import { selects } from '../../model/labels.ts';
import type { ResolvedMesh } from '../resolve/mesh.ts';
import type { Target } from '../view/inbound.ts';
import { serviceTargets } from '../view/inbound.ts';
import { isAutoPassthrough } from './auto-passthrough.ts';
import { isWorkloadOf, passesThrough } from './kubernetes-gateway.ts';

type KubernetesGateway = KindMap['KubernetesGateway'];

export interface PassthroughServer {
  readonly source: SourceRef;
  /** '' for every address of the workload. */
  readonly bind: string;
  /** What the workload listens on: the target port of its Service. */
  readonly port: number;
  readonly hosts: readonly ServerHost[];
}

interface ServerHost {
  /** The services' namespace; '*' for any. */
  readonly namespace: string;
  /** May be a wildcard. */
  readonly host: string;
}

/** Those of Istio's Gateways first, then those of Gateway API, the oldest of each first. */
export function passthroughServers(resolved: ResolvedMesh, proxy: Proxy): readonly PassthroughServer[] {
  const { mesh, kubernetesGateways } = resolved;
  const onlyOwn = mesh.settings.features.gatewaysOfOwnNamespace;
  const selecting = mesh.gateways.filter(
    ({ namespace, workloads }) =>
      workloads.by === 'labels' &&
      selects(workloads.labels, proxy.labels) &&
      (!onlyOwn || namespace === proxy.namespace),
  );
  const own = kubernetesGateways.filter((gateway) => isWorkloadOf(gateway, proxy));
  if (selecting.length === 0 && own.length === 0) return [];
  const targets = serviceTargets(resolved, proxy);
  return [
    ...selecting.flatMap((gateway) => serversOf(gateway, targets)),
    ...own.flatMap((gateway) => listenersOf(gateway, targets)),
  ]
    .filter((server) => canListen(proxy, server))
    .map(sharedValue);
}

const serversOf = (gateway: Gateway, targets: readonly Target[]): readonly PassthroughServer[] =>
  gateway.servers.flatMap(({ server, source }) =>
    isAutoPassthrough(server)
      ? {
          source,
          bind: server.bind ?? '',
          port: listenerPort(server.port.number, targets),
          hosts: server.hosts.map((host) => serverHost(host, gateway.namespace)),
        }
      : [],
  );

/** Routes are what a listener allows by namespace: services of all of them are passed through. */
const listenersOf = (gateway: KubernetesGateway, targets: readonly Target[]): readonly PassthroughServer[] =>
  (gateway.spec.listeners ?? []).flatMap((listener, i) =>
    passesThrough(gateway, listener)
      ? {
          source: at(gateway.source, `spec.listeners[${i}]`),
          bind: '',
          port: listenerPort(listener.port, targets),
          hosts: [{ namespace: '*', host: listener.hostname || '*' }],
        }
      : [],
  );

const untranslated = 'experimental.istio.io/disable-gateway-port-translation';

/** Servers name the Service's port. One that no Service of the workload has is the workload's own. */
const listenerPort = (port: number, targets: readonly Target[]): number =>
  targets.find(({ service, servicePort }) => servicePort.number === port && service.labels[untranslated] === undefined)
    ?.targetPort ?? port;

/** `./host` is the Gateway's own namespace. */
function serverHost(text: string, ownNamespace: string): ServerHost {
  const slash = text.indexOf('/');
  const namespace = slash < 0 ? '*' : text.slice(0, slash);
  return { namespace: namespace === '.' ? ownNamespace : namespace, host: text.slice(slash + 1) };
}

function canListen(proxy: Proxy, { port }: PassthroughServer): boolean {
  const privileged = port > 0 && port < 1024 && String(proxy.metadata['UNPRIVILEGED_POD']) === 'true';
  return !privileged && !statusPorts(proxy).includes(port);
}

/** Whether connections for the service may come in. */
export const admitsService = ({ hosts }: PassthroughServer, { namespace, hostname }: Service): boolean =>
  hosts.some((each) => (each.namespace === '*' || each.namespace === namespace) && hostMatches(each.host, hostname));
