// Which virtual host answers for a host, and which of its routes takes the request.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-virtualhost
import type { DecodedConfiguration, DecodedResource } from '../model/envoy/decoded.ts';
import type {
  envoy_config_route_v3_Route,
  envoy_config_route_v3_RouteConfiguration,
  envoy_config_route_v3_VirtualHost,
} from '../xds/generated/messages.ts';
import { routeMiss } from './match/path-match.ts';
import type { HttpRequest } from './request.ts';
import { Place } from './step.ts';

export interface ChosenHost {
  readonly host: envoy_config_route_v3_VirtualHost;
  readonly place: Place;
}

interface Candidate extends ChosenHost {
  readonly domains: readonly string[];
}

/** Virtual hosts of the configuration, and those that the proxy asks for one by one. */
export function virtualHosts(
  route: envoy_config_route_v3_RouteConfiguration,
  place: Place,
  { virtualHost: onDemand }: DecodedConfiguration,
): readonly Candidate[] {
  const own = (route.virtual_hosts ?? []).map((host, i): Candidate => {
    return { host, domains: host.domains ?? [], place: place.below(`virtual_hosts[${i}]`) };
  });
  const asked = onDemand.filter(({ name }) => route.vhds !== undefined && name.startsWith(`${route.name}/`));
  return [...own, ...asked.map(candidate)];
}

function candidate(resource: DecodedResource): Candidate {
  const host = resource.message as envoy_config_route_v3_VirtualHost;
  return { host, domains: host.domains ?? [], place: new Place('virtualHost', resource) };
}

/** The exact name, then the longest wildcard at the front, then the longest at the end, then `*`. */
export function chooseHost(all: readonly Candidate[], asked: string, ignoresPort: boolean): ChosenHost | undefined {
  const name = (ignoresPort ? asked.replace(/:\d+$/, '') : asked).toLowerCase();
  const fits = all.flatMap((each) =>
    each.domains.map((domain) => ({ ...each, fit: domainFit(domain.toLowerCase(), name) })),
  );
  const best = Math.max(0, ...fits.map(({ fit }) => fit));
  return best === 0 ? undefined : fits.find(({ fit }) => fit === best);
}

function domainFit(domain: string, name: string): number {
  if (domain === '*') return 1;
  if (domain === name) return 3000 + domain.length;
  if (domain.startsWith('*') && name.length >= domain.length && name.endsWith(domain.slice(1)))
    return 2000 + domain.length;
  if (domain.endsWith('*') && name.length >= domain.length && name.startsWith(domain.slice(0, -1)))
    return 1000 + domain.length;
  return 0;
}

export interface ChosenRoute {
  readonly route: envoy_config_route_v3_Route;
  readonly place: Place;
  /** Routes before it, and which of their conditions did not hold. */
  readonly missed: readonly string[];
}

export function chooseRoute({ host, place }: ChosenHost, request: HttpRequest): ChosenRoute | readonly string[] {
  const missed: string[] = [];
  for (const [i, route] of (host.routes ?? []).entries()) {
    const miss = routeMiss(route.match ?? {}, request);
    if (miss === undefined) return { route, place: place.below(`routes[${i}]`), missed };
    missed.push(`routes[${i}]${route.name === undefined ? '' : ` ${route.name}`}: ${miss}`);
  }
  return missed;
}
