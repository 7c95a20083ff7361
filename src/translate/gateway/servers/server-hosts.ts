// The hosts of a server: host names, each for services and routes of one namespace or of all.
// https://istio.io/latest/docs/reference/config/networking/gateway/#Server
import { hostMatches, hostsOverlap } from '../../resolve/routing/host.ts';

export interface ServerHost {
  /** '*' for any. */
  readonly namespace: string;
  /** May be a wildcard. */
  readonly host: string;
}

/** `./host` is the Gateway's own namespace. A host for everything makes the others needless. */
export function serverHosts(written: readonly string[], ownNamespace: string): readonly ServerHost[] {
  const hosts = written.map((text) => serverHost(text, ownNamespace));
  return written.includes('*/*') ? [{ namespace: '*', host: '*' }] : hosts;
}

function serverHost(text: string, ownNamespace: string): ServerHost {
  const slash = text.indexOf('/');
  const namespace = slash < 0 ? '*' : text.slice(0, slash);
  return { namespace: namespace === '.' ? ownNamespace : namespace, host: text.slice(slash + 1) };
}

/** Without namespaces, each once, as TLS clients name them. */
export const serverNames = (hosts: readonly ServerHost[]): readonly string[] => [
  ...new Set(hosts.map(({ host }) => host)),
];

/**
 * What a server and a route of `namespace` have in common: of two hosts that overlap the narrower one, in the server's order,
 * each once.
 */
export function commonHosts(
  servers: readonly ServerHost[],
  namespace: string,
  routed: readonly string[],
): readonly string[] {
  const common = servers
    .filter((server) => server.namespace === '*' || server.namespace === namespace)
    .flatMap(({ host }) =>
      routed.flatMap((other) => (hostMatches(other, host) ? host : hostMatches(host, other) ? other : [])),
    );
  return [...new Set(common)];
}

/** Whether connections for one of the hosts may be meant by the server. */
export const sharesHost = (servers: readonly ServerHost[], namespace: string, routed: readonly string[]): boolean =>
  servers.some(
    (server) =>
      (server.namespace === '*' || server.namespace === namespace) &&
      routed.some((host) => hostsOverlap(server.host, host)),
  );

/** Whether the server is for a service of this namespace and host. */
export const admitsService = (servers: readonly ServerHost[], namespace: string, hostname: string): boolean =>
  servers.some(
    (server) => (server.namespace === '*' || server.namespace === namespace) && hostMatches(server.host, hostname),
  );
