// Which domains each virtual host of a port gets. Domains are unique in a route configuration, so this looks at all services
// and VirtualServices of the port together; a service that comes or goes and has its names for itself changes its own place alone.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-virtualhost
import type { Problem } from '../../../model/problem.ts';
import type { Service } from '../../../model/mesh/mesh.ts';
import type { SourceRef } from '../../../model/source.ts';
import { byKeys } from '../../../model/by-keys.ts';
import { lineOfList, memo } from '../../../model/memo.ts';
import { Topic } from '../../../model/notes.ts';
import { withValues } from '../../../model/patched-map.ts';
import { stretch } from '../../../model/stretch.ts';
import { describeSource } from '../../../model/source.ts';
import { virtualHostName } from '../../names.ts';
import { compareText } from '../../resolve/order.ts';
import { callersNamespace, domainTexts, homeOf } from './service-domains.ts';
import type { Beaten, Claim, Claimant, Port } from './virtual-host-claims.ts';
import { claimAlone, domainsFor, hostSource, portClaims } from './virtual-host-claims.ts';

/** A virtual host without its routes. */
export interface Place {
  readonly name: string;
  readonly port: number;
  readonly domains: readonly string[];
  readonly service: Service | undefined;
  readonly by: Claimant | undefined;
}

export interface Layout {
  /** Those that have a domain, by name. */
  readonly places: readonly Place[];
  readonly byName: ReadonlyMap<string, Place>;
  readonly problems: readonly Problem[];
}

/** Stays as it is when routes or policies change and the hosts do not. `claimants` is canonical. */
export const layoutOf = (port: Port): Layout => keptOf(port).layout;

/** Places of a layout that are others for some callers. */
export interface OwnPlaces {
  /** Where, ascending. */
  readonly positions: readonly number[];
  readonly places: readonly Place[];
}

/** A layout, and what it takes to make the one after it. */
interface Kept {
  readonly services: readonly Service[];
  readonly layout: Layout;
  /** How many claims there are of each domain, by its key. Belongs to the last one that was made from it. */
  readonly claimed: Map<string, number>;
  /** Those that callers of a namespace have shorter names for. */
  readonly claimsAt: ReadonlyMap<string, readonly Claim[]>;
  /** What was asked for, by the callers' domain. */
  readonly own: Map<string, Own | undefined>;
}

interface Own extends OwnPlaces {
  readonly claims: readonly Claim[];
  /** Domains that only these callers have. */
  readonly further: ReadonlySet<string>;
}

function keptOf(port: Port): Kept {
  const line = lineOfList(port.services);
  const last = lastOf(port.claimants, line, port.number, port.form, port.dnsDomain, port.families);
  const known = last.known?.deref();
  if (known?.services === port.services) return known;
  const kept = (known && next(port, known)) ?? laidOut(port);
  keptFor.note(kept.layout.places, { kept, claimants: port.claimants });
  last.known = new WeakRef(kept);
  return kept;
}

const lastOf = memo(
  (..._context: readonly (object | string | number | undefined)[]): { known?: WeakRef<Kept> } => ({}),
);
/** As long as somebody uses the places; with the list by which it is found. */
const keptFor = new Topic<{ readonly kept: Kept; readonly claimants: Port['claimants'] }>();

/**
 * What callers of `dnsDomain` have other than those of `port`, for whom no service is one of their own namespace: they may leave out
 * their own. Undefined if somebody else wants one of the names that this gives.
 */
export function ownPlaces(port: Port, dnsDomain: string): OwnPlaces | undefined {
  const kept = keptOf(port);
  if (!kept.own.has(dnsDomain)) kept.own.set(dnsDomain, settledFor(kept, port, dnsDomain));
  return kept.own.get(dnsDomain);
}

function settledFor({ layout, claimed, claimsAt }: Kept, port: Port, dnsDomain: string): Own | undefined {
  const claims = claimsAt.get(callersNamespace(dnsDomain)) ?? noClaims;
  const further = new Set<string>();
  const found: (readonly [number, Place])[] = [];
  for (const claim of claims) {
    const known = new Set(claim.domains.map(({ key }) => key));
    const domains = domainsFor({ ...port, dnsDomain }, claim);
    for (const { key } of domains) {
      if (known.has(key) ? claimed.get(key) !== 1 : claimed.has(key) || further.has(key)) return undefined;
      if (!known.has(key)) further.add(key);
    }
    const place = placeOf(claim, domains, port.number);
    found.push([positionIn(layout.places, place.name), place]);
  }
  found.sort(([a], [b]) => a - b);
  return { claims, further, positions: found.map(([i]) => i), places: found.map(([, each]) => each) };
}

const noClaims: readonly Claim[] = [];

/** Under the namespaces of all its names. */
const claimsByHome = (claims: readonly Claim[]): Map<string, Claim[]> => byKeys(claims, homesOf);

const homesOf = ({ of, host, aliases }: Claim): ReadonlySet<string> =>
  new Set(of === 'nobody' ? [] : [host, ...aliases].flatMap((name) => homeOf(name) ?? []));

function laidOut(port: Port): Kept {
  const { claims, beaten } = portClaims(port);
  const { byName, problems } = settle(claims, port.number);
  const claimed = new Map([['*', 1]]);
  for (const claim of claims) count(claimed, claim, 1);
  const places = [...byName.values()].filter(({ domains }) => domains.length > 0);
  const layout: Layout = {
    places: places.toSorted((a, b) => compareText(a.name, b.name)),
    byName,
    problems: [...beaten.map(beatenProblem), ...problems],
  };
  return { services: port.services, layout, claimed, claimsAt: claimsByHome(claims), own: new Map() };
}

/** More than this is no small change. */
const mostChanged = 50;

/** Undefined if more differs than services whose names nobody else has. */
function next(port: Port, { services, layout, claimed, claimsAt, own }: Kept): Kept | undefined {
  const { gone, come } = stretch(services, port.services);
  if (gone.length + come.length > mostChanged) return undefined;
  const [left, joining] = [ownClaims(port, gone), ownClaims(port, come)];
  if (left === undefined || joining === undefined) return undefined;
  const places = [...layout.places];
  const [removed, added] = [new Set<string>(), new Map<string, Place>()];
  for (const claim of left) {
    if (!claim.domains.every(({ key }) => claimed.get(key) === 1)) return undefined;
    count(claimed, claim, -1);
    const name = virtualHostName(claim.host, port.number);
    removed.add(name);
    places.splice(positionIn(places, name), 1);
  }
  for (const claim of joining) {
    if (claim.domains.some(({ key }) => claimed.has(key))) return undefined;
    count(claimed, claim, 1);
    const fresh = placeOf(claim, claim.domains, port.number);
    removed.delete(fresh.name);
    added.set(fresh.name, fresh);
    places.splice(positionIn(places, fresh.name), 0, fresh);
  }
  const at = withClaims(claimsAt, left, joining);
  return {
    services: port.services,
    layout: { places, byName: withValues(layout.byName, added, removed), problems: layout.problems },
    claimed,
    claimsAt: at,
    own: stillOwn(own, at, joining, (name) => positionIn(places, name)),
  };
}

/** What callers have to whom nobody of their namespace has come or gone, and nobody who wants one of their names. */
function stillOwn(
  own: Kept['own'],
  claimsAt: Kept['claimsAt'],
  joining: readonly Claim[],
  positionOf: (name: string) => number,
): Kept['own'] {
  const wanted = joining.flatMap(({ domains }) => domains.map(({ key }) => key));
  const still = new Map<string, Own>();
  for (const [dnsDomain, each] of own)
    if (
      each !== undefined &&
      (claimsAt.get(callersNamespace(dnsDomain)) ?? noClaims) === each.claims &&
      !wanted.some((key) => each.further.has(key))
    )
      still.set(dnsDomain, { ...each, positions: each.places.map(({ name }) => positionOf(name)) });
  return still;
}

function withClaims(claimsAt: Kept['claimsAt'], left: readonly Claim[], joining: readonly Claim[]): Kept['claimsAt'] {
  const gone = new Set(left.map(({ host }) => host));
  const [from, to] = [claimsByHome(left), claimsByHome(joining)];
  const homes = new Set([...from.keys(), ...to.keys()]);
  const values = Array.from(homes, (home) => {
    const stayed = (claimsAt.get(home) ?? []).filter(({ host }) => !gone.has(host));
    return [home, [...stayed, ...(to.get(home) ?? [])]] as const;
  });
  return withValues(claimsAt, new Map(values));
}

/** What the services claim; undefined if others have a part in it. */
function ownClaims(port: Port, services: readonly Service[]): readonly Claim[] | undefined {
  const claims = services.map((service) => claimAlone(port, service));
  return claims.includes('contested') ? undefined : claims.filter((claim) => typeof claim === 'object');
}

function count(claimed: Map<string, number>, { domains }: Claim, by: 1 | -1): void {
  for (const { key } of domains) {
    const sum = (claimed.get(key) ?? 0) + by;
    if (sum > 0) claimed.set(key, sum);
    else claimed.delete(key);
  }
}

function positionIn(places: readonly Place[], name: string): number {
  let [low, high] = [0, places.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareText(places[middle]?.name ?? '', name) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first to claim a domain has it. `*` is taken: it stands for unknown hosts. */
function settle(claims: readonly Claim[], port: number): Pick<Layout, 'byName' | 'problems'> {
  const fullNames = new Set(claims.map((claim) => claim.host));
  const owners = new Map<string, SourceRef | undefined>([['*', undefined]]);
  const byName = new Map<string, Place>();
  const problems: Problem[] = [];
  for (const claim of claims) {
    const name = virtualHostName(claim.host, port);
    if (byName.has(name)) {
      problems.push(duplicateDomain(claim.source, claim.host, owners.get(claim.host.toLowerCase())));
      continue;
    }
    const won = claim.domains.filter((domain) => {
      if (domain.short && fullNames.has(domain.name)) return false;
      const taken = owners.has(domain.key);
      if (taken) problems.push(duplicateDomain(claim.source, domain.name, owners.get(domain.key)));
      else owners.set(domain.key, claim.source);
      return !taken;
    });
    byName.set(name, placeOf(claim, won.length === claim.domains.length ? claim.domains : won, port));
  }
  return { byName, problems };
}

const placeOf = ({ host, service, by }: Claim, won: Claim['domains'], port: number): Place =>
  place(service, by, domainTexts(won), virtualHostName(host, port), port);

/** One object for each content. */
const place = memo(
  (
    service: Service | undefined,
    by: Claimant | undefined,
    domains: readonly string[],
    name: string,
    port: number,
  ): Place => ({ name, port, domains, service, by }),
);

const duplicateDomain = (source: SourceRef, domain: string, owner: SourceRef | undefined): Problem => ({
  code: 'duplicate-domain',
  severity: 'warning',
  message: `${domain} is served already ${owner === undefined ? 'for hosts that nobody knows' : `because of ${describeSource(owner)}`}; what this object says about it is not used.`,
  source,
});

const beatenProblem = ({ host, winner, loser }: Beaten): Problem => {
  const named = loser.hosts.includes(host) ? host : (loser.hosts[0] ?? host);
  return duplicateDomain(hostSource(loser, named), host, winner.source);
};
