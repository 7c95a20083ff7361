// Requests that came in over a connection meant for another server of the port: clients reuse connections for every host of a
// wildcard certificate. They are told to open one for the right server (421); what no server has stays unknown (404).
// https://gateway-api.sigs.k8s.io/reference/spec/#listener
import { memo, sharedValue } from '../../../model/memo.ts';
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { Resource } from '../../../model/envoy/resource.ts';
import { virtualHostResource } from '../../envoy/virtual-host/virtual-host.ts';
import { virtualHostName } from '../../names.ts';
import { compareText } from '../../resolve/order.ts';
import type { MergedServer, MergedServers } from '../servers/merged-servers.ts';
import { isTlsServer, terminatesHttps } from '../servers/merged-servers.ts';

/** By route configuration, the hosts that other TLS servers of its port have, in order; nothing unless it is asked for. */
export const hostsElsewhere = memo(
  (settings: MeshSettings, { sockets }: MergedServers): ReadonlyMap<string, readonly string[]> =>
    new Map(settings.features.strictGateways ? sockets.flatMap(({ groups }) => elsewhere(groups.flat())) : []),
);

function elsewhere(servers: readonly MergedServer[]): readonly (readonly [string, readonly string[]])[] {
  const all = servers.filter(isTlsServer);
  return all.filter(terminatesHttps).map((server) => {
    const own = new Set(hostsOf(server));
    const others = all.filter((one) => one !== server).flatMap(hostsOf);
    const hosts = [...new Set(others)].filter((host) => !own.has(host)).toSorted(compareText);
    return [server.routeName ?? '', sharedValue<readonly string[]>(hosts)] as const;
  });
}

/** In lower case, as virtual hosts have them. */
export const hostsOf = ({ hosts }: MergedServer): readonly string[] => hosts.map(({ host }) => host.toLowerCase());

/** Whoever asks for one of these hosts is on the wrong connection. */
export const misdirected = memo((hosts: readonly string[], port: number, routeName: string): Resource =>
  virtualHostResource(routeName, {
    name: virtualHostName('misdirected', port),
    domains: hosts,
    routes: [{ match: { prefix: '/' }, direct_response: { status: 421 } }],
  }),
);
