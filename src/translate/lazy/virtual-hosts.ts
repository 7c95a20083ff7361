// A route configuration without its virtual hosts, and these as resources that a proxy asks for by the host of a request.
// What they are given by name has no wildcard among its domains: it would answer for hosts that Envoy then never
// asks about, though they have a virtual host of their own. So every host below a wildcard has a copy for itself.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/vhds
import { memo, sharedList, sharedValue } from '../../model/memo.ts';
import { layer } from '../../model/envoy/layer.ts';
import type { Layer, Resource } from '../../model/envoy/resource.ts';
import { resourceTypes } from '../../model/envoy/resource.ts';
import type { MessageOf } from '../../xds/generated/messages.ts';
import { ads } from '../envoy/config-source.ts';
import { parseRouteName } from '../envoy/virtual-host/route-name.ts';

type VirtualHost = MessageOf['envoy.config.route.v3.VirtualHost'];
type RouteConfiguration = MessageOf['envoy.config.route.v3.RouteConfiguration'];

export interface LazyRoutes {
  readonly routes: Layer;
  readonly virtualHosts: Layer;
}

export const lazyRoutes = memo(({ scope, resources }: Layer): LazyRoutes => {
  const lazy = new Map([...resources].filter(([, resource]) => isFetched(resource)));
  return {
    routes: layer(
      scope,
      [...resources.values()].map((one) => (lazy.has(one.name) ? withoutHosts(one) : one)),
    ),
    virtualHosts: virtualHostLayer(scope, sharedList([...lazy.values()])),
  };
});

/** One that says what becomes of hosts that nobody knows. Others are for a single service, and have one virtual host. */
const isFetched = (resource: Resource): boolean =>
  parseRouteName(resource.name)?.kind === 'port' && hostTable(resource).everything !== undefined;

/**
 * Envoy names no host at first and would wait for an answer; there is none, so it is told not to. An answer without any
 * host would not do.
 */
function withoutHosts({ type, name, message }: Resource): Resource {
  const vhds: RouteConfiguration['vhds'] = { config_source: { ...ads, initial_fetch_timeout: '0.01s' } };
  return sharedValue({ type, name, message: { ...message, vhds } });
}

const virtualHostLayer = memo((scope: string, routes: readonly Resource[]): Layer => {
  const tables = new Map(routes.map((route) => [route.name, hostTable(route)]));
  const tableOf = (name: string): HostTable | undefined => tables.get(splitName(name).routeName);
  return {
    ...layer(
      scope,
      [...tables.values()].flatMap(({ listed }) => listed),
    ),
    onDemand: {
      canonical: (asked) => tableOf(asked)?.canonical(asked) ?? asked,
      made: (name) => tableOf(name)?.made(name),
      nothing: (asked) => nowhere(splitName(asked).routeName).name,
    },
  };
});

/** `80/store.shop:8080`: a host as it stood in a request to a route configuration. */
function splitName(name: string): { readonly routeName: string; readonly host: string } {
  const slash = name.indexOf('/');
  return { routeName: name.slice(0, Math.max(slash, 0)), host: name.slice(slash + 1) };
}

interface HostTable {
  /** Virtual hosts with the domains that are whole names; those without any are left out. */
  readonly listed: readonly Resource[];
  /** For hosts that no other virtual host has. */
  readonly everything: Resource | undefined;
  readonly canonical: (asked: string) => string;
  readonly made: (name: string) => Resource | undefined;
}

const hostTable = memo(({ name: routeName, parts }: Resource): HostTable => {
  const hosts = parts?.resources ?? [];
  const owners = new Map(
    hosts.flatMap((host) => domainsOf(host).map((domain) => [domain.toLowerCase(), host] as const)),
  );
  const noHost = nowhere(routeName);
  const canonical = (asked: string): string => {
    const host = requestedHost(splitName(asked).host);
    if (host === undefined) return noHost.name;
    const own = owners.get(host);
    if (own !== undefined) return own.name;
    return `${wildcardOwner(owners, host)?.name ?? noHost.name}|${host}`;
  };
  const made = (name: string): Resource | undefined => {
    if (name === noHost.name) return noHost;
    const [virtualHost = '', host] = name.split('|');
    if (host === undefined || canonical(`${routeName}/${host}`) !== name) return undefined;
    const owner = wildcardOwner(owners, host);
    return owner?.name === virtualHost ? copyFor(owner, host) : undefined;
  };
  return {
    listed: sharedList(hosts.flatMap((host) => withWholeNames(host) ?? [])),
    everything: owners.get('*'),
    canonical,
    made,
  };
});

/** Envoy's order: the longest wildcard, then everything. */
function wildcardOwner(owners: ReadonlyMap<string, Resource>, host: string): Resource | undefined {
  for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
    const owner = owners.get(`*${host.slice(dot)}`);
    if (owner !== undefined) return owner;
  }
  return owners.get('*');
}

const domainsOf = ({ message }: Resource): readonly string[] => (message as VirtualHost).domains ?? [];

/** What clients may call a host; nothing in it could be taken for a wildcard or for a part of a resource's name. */
const hostName = /^(?:[a-z0-9_.~!$&'()+,;=%-]{1,255}|\[[0-9a-f:.]{2,45}\])$/;

/** Ports are ignored in matching, and so is case; undefined for what is no host. */
function requestedHost(text: string): string | undefined {
  const host = text.toLowerCase().replace(/:\d{1,5}$/, '');
  return hostName.test(host) ? host : undefined;
}

/** The virtual host's name is the resource's: Envoy finds what it is to remove by it. */
const withWholeNames = memo((host: Resource): Resource | undefined => {
  const domains = domainsOf(host).filter((domain) => !domain.includes('*'));
  if (domains.length === 0) return undefined;
  return { ...host, message: { ...host.message, name: host.name, domains } };
});

/** Not remembered beyond its use: there is no limit to what hosts are asked for. */
function copyFor(owner: Resource, host: string): Resource {
  const name = `${owner.name}|${host}`;
  return sharedValue({ type: owner.type, name, message: { ...owner.message, name, domains: [host] } });
}

/** The answer to what is no host: Envoy goes on, and finds none. */
const nowhere = memo((routeName: string): Resource => {
  const name = `${routeName}/no_host`;
  const message: VirtualHost = { name, domains: ['no-host.invalid'] };
  return { type: resourceTypes.virtualHost, name, message };
});
