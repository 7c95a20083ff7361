// The servers of a router that take datagrams, by the port that each listens on.
// https://gateway-api.sigs.k8s.io/reference/spec/#udproute
import type { Gateway } from '../../../model/mesh/gateway.ts';
import { memo } from '../../../model/memo.ts';
import type { Problem } from '../../../model/problem.ts';
import type { MergedServer } from '../servers/merged-servers.ts';
import { mergedServer, portConflict } from '../servers/merged-servers.ts';
import type { ServicePortTarget } from '../servers/selected-gateways.ts';
import { listeningPorts, takesDatagrams } from '../servers/selected-gateways.ts';

export interface DatagramServer {
  readonly port: number;
  readonly merged: MergedServer;
}

export interface DatagramServers {
  readonly servers: readonly DatagramServer[];
  readonly problems: readonly Problem[];
}

/** The oldest gateway has a port. */
export const datagramServers = memo(
  (gateways: readonly Gateway[], targets: readonly ServicePortTarget[]): DatagramServers => {
    const byPort = new Map<number, DatagramServer>();
    const problems: Problem[] = [];
    for (const { port, merged } of gateways.flatMap((gateway) => asked(gateway, targets))) {
      const owner = byPort.get(port);
      if (owner === undefined) byPort.set(port, { port, merged });
      else problems.push(portConflict({ port }, merged, owner.merged));
    }
    return { servers: [...byPort.values()], problems };
  },
);

const asked = (gateway: Gateway, targets: readonly ServicePortTarget[]): readonly DatagramServer[] =>
  gateway.servers
    .filter((sourced) => takesDatagrams(gateway, sourced))
    .flatMap((sourced) =>
      listeningPorts(gateway, sourced.server.port.number, targets, 'datagrams').map((port) => ({
        port,
        merged: mergedServer(gateway, sourced, port, undefined),
      })),
    );
