// The servers of all gateways of a router, put together by the socket that they listen on. The oldest gateway has a socket;
// what cannot share it is left out and reported.
// https://istio.io/latest/docs/reference/config/networking/gateway/
import type { Gateway, SourcedServer } from '../../../model/mesh/gateway.ts';
import { memo, sharedValue } from '../../../model/memo.ts';
import type { Protocol } from '../../../model/mesh/mesh.ts';
import type { Problem } from '../../../model/problem.ts';
import type { Server } from '../../../model/schema/index.ts';
import type { SourceRef } from '../../../model/source.ts';
import { describeSource } from '../../../model/source.ts';
import { isHttp, istioProtocol } from '../../resolve/services/protocol.ts';
import type { ServicePortTarget } from './selected-gateways.ts';
import { datagramPort, listeningPorts, takesDatagrams } from './selected-gateways.ts';
import type { ServerHost } from './server-hosts.ts';
import { serverHosts } from './server-hosts.ts';

/** A server as a socket has it. */
export interface MergedServer {
  readonly source: SourceRef;
  readonly server: Server;
  /** `namespace/name`, what routes bind to. */
  readonly gateway: string;
  readonly protocol: Protocol;
  readonly hosts: readonly ServerHost[];
  /** Of its route configuration; undefined when it does not speak HTTP, or not to us. */
  readonly routeName: string | undefined;
  /** Where the workload listens for QUIC, if the server is offered over that as well. */
  readonly quicPort?: number;
}

export interface Socket {
  /** '' for every address of the workload. */
  readonly bind: string;
  /** What the workload listens on. */
  readonly port: number;
  /** Servers with the same spelling of a protocol, in the order in which they came. HTTP in the clear shares one chain. */
  readonly groups: readonly (readonly MergedServer[])[];
}

export interface MergedServers {
  readonly sockets: readonly Socket[];
  /** By route configuration, those that it is made for. */
  readonly byRoute: ReadonlyMap<string, readonly MergedServer[]>;
  readonly problems: readonly Problem[];
}

/** HTTP in the clear may have `tls` to redirect to HTTPS. */
export const isTlsServer = ({ server: { tls }, protocol }: Pick<MergedServer, 'server' | 'protocol'>): boolean =>
  tls !== undefined && !isHttp(protocol);

export const isPassthrough = ({ tls }: Server): boolean =>
  tls !== undefined && ((tls.mode ?? 'PASSTHROUGH') === 'PASSTHROUGH' || tls.mode === 'AUTO_PASSTHROUGH');

/** Whether TLS ends here and HTTP is inside. */
export const terminatesHttps = ({ server, protocol }: MergedServer): boolean =>
  protocol === 'HTTPS' && server.tls !== undefined && !isPassthrough(server);

export const mergedServers = memo(
  (gateways: readonly Gateway[], targets: readonly ServicePortTarget[], quic: boolean): MergedServers => {
    const sockets = new Map<string, OpenSocket>();
    const byRoute = new Map<string, readonly MergedServer[]>();
    const problems: Problem[] = [];
    for (const gateway of gateways) {
      for (const sourced of gateway.servers.filter((one) => !takesDatagrams(gateway, one))) {
        for (const port of listeningPorts(gateway, sourced.server.port.number, targets)) {
          const bind = sourced.server.bind ?? '';
          const socket = sockets.get(`${bind} ${port}`) ?? newSocket(bind, port);
          const merged = mergedServer(
            gateway,
            sourced,
            port,
            quic ? datagramPort(gateway, sourced.server.port.number, port, targets) : undefined,
          );
          const conflict = join(socket, merged, byRoute);
          if (conflict === undefined) sockets.set(`${bind} ${port}`, socket);
          else problems.push(conflict);
        }
      }
    }
    return {
      sockets: [...sockets.values()].map(({ bind, port, groups }) => ({ bind, port, groups: [...groups.values()] })),
      byRoute,
      problems,
    };
  },
);

/** The same object as long as the server is the same, whatever other gateways and servers there are. */
export const mergedServer = memo(
  (gateway: Gateway, sourced: SourcedServer, port: number, quicPort: number | undefined): MergedServer => {
    const { server, source } = sourced;
    const protocol = istioProtocol(server.port.protocol);
    return sharedValue<MergedServer>({
      source,
      server,
      gateway: gatewayKey(gateway),
      protocol,
      hosts: serverHosts(server.hosts, gateway.namespace),
      routeName: routeName(gateway, server, protocol, port),
      ...(quicPort !== undefined && protocol === 'HTTPS' && !isPassthrough(server) && { quicPort }),
    });
  },
);

/** What routes bind to. */
export const gatewayKey = ({ namespace, name }: Gateway): string => `${namespace}/${name}`;

/** HTTP in the clear is one for all servers of a socket; each server that ends TLS has its own. */
function routeName(gateway: Gateway, server: Server, protocol: Protocol, port: number): string | undefined {
  const bind = (server.bind ?? '') === '' ? '' : `.${server.bind}`;
  if (isHttp(protocol)) return `http.${port}${bind}`;
  if (protocol !== 'HTTPS' || server.tls === undefined || isPassthrough(server)) return undefined;
  return `https.${server.port.number}.${server.port.name}.${gateway.name}.${gateway.namespace}${bind}`;
}

interface OpenSocket {
  readonly bind: string;
  readonly port: number;
  /** By the protocol as it is written. */
  readonly groups: Map<string, MergedServer[]>;
  /** Hosts of servers with TLS settings, as written. */
  readonly tlsHosts: Map<string, MergedServer>;
  /** The server in the clear that has the socket. */
  plain?: MergedServer;
}

const newSocket = (bind: string, port: number): OpenSocket => ({ bind, port, groups: new Map(), tlsHosts: new Map() });

/** Why the server cannot have the socket; undefined when it has been added. */
function join(
  socket: OpenSocket,
  merged: MergedServer,
  byRoute: Map<string, readonly MergedServer[]>,
): Problem | undefined {
  const { server, source, routeName: route } = merged;
  if (server.tls !== undefined) {
    const names = merged.hosts.map(({ namespace, host }) => `${namespace}/${host}`);
    const taken = names.find((name) => socket.tlsHosts.has(name));
    if (taken !== undefined) return hostConflict(socket, merged, taken, socket.tlsHosts.get(taken)?.source ?? source);
    for (const name of names) socket.tlsHosts.set(name, merged);
  }
  const { plain } = socket;
  if (plain !== undefined && !(isHttp(plain.protocol) && isHttp(merged.protocol)))
    return portConflict(socket, merged, plain);
  if (plain !== undefined) {
    socket.groups.get(plain.server.port.protocol)?.push(merged);
  } else {
    const known = isTlsServer(merged) && route !== undefined ? byRoute.get(route)?.[0] : undefined;
    if (known !== undefined && socket.groups.size > 0) return nameConflict(merged, known);
    const { protocol } = server.port;
    socket.groups.set(protocol, [...(socket.groups.get(protocol) ?? []), merged]);
    if (!isTlsServer(merged)) socket.plain = merged;
  }
  if (route !== undefined)
    byRoute.set(route, isTlsServer(merged) || plain === undefined ? [merged] : [...(byRoute.get(route) ?? []), merged]);
  return undefined;
}

export const portConflict = (
  { port }: Pick<OpenSocket, 'port'>,
  { source, server }: MergedServer,
  winner: MergedServer,
): Problem => ({
  code: 'port-conflict',
  severity: 'warning',
  message: `Port ${port} of the gateway is taken already for ${winner.server.port.protocol} because of ${describeSource(winner.source)}: this ${server.port.protocol} server is left out.`,
  source,
});

const hostConflict = ({ port }: OpenSocket, { source }: MergedServer, name: string, winner: SourceRef): Problem => ({
  code: 'duplicate-host',
  severity: 'warning',
  message: `Server name ${name.replace(/^\*\//, '')} on port ${port} of the gateway is taken already because of ${describeSource(winner)}: this server is left out.`,
  source,
});

const nameConflict = ({ source, server }: MergedServer, winner: MergedServer): Problem => ({
  code: 'duplicate-port-name',
  severity: 'warning',
  message: `Port ${server.port.number} has a server with the port name ${server.port.name} already, ${describeSource(winner.source)}: this server is left out.`,
  source,
});
