// Which domains each virtual host of a port gets. Domains are unique in a route configuration, so this looks at all services
// and VirtualServices of the port together; a service that comes or goes and has its names for itself changes its own place alone.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-virtualhost
import type { Problem } from '../../../model/problem.ts';
import type { Service } from '../../../model/mesh/mesh.ts';
import type { SourceRef } from '../../../model/source.ts';
import { memo } from '../../../model/memo.ts';
import { Topic } from '../../../model/notes.ts';
import { stretch } from '../../../model/stretch.ts';
import { describeSource } from '../../../model/source.ts';
import { virtualHostName } from '../../names.ts';
import { compareText } from '../../resolve/order.ts';
import { domainTexts } from './service-domains.ts';
import type { Beaten, Claim, Claimant, Port } from './virtual-host-claims.ts';
import { claimAlone, hostSource, portClaims } from './virtual-host-claims.ts';

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
export function layoutOf(port: Port): Layout {
  const last = lastOf(port.claimants, port.number, port.form, port.dnsDomain, port.families);
  const known = last.known?.deref();
  if (known?.services === port.services) return known.layout;
  const kept = (known && next(port, known)) ?? laidOut(port);
  keptFor.note(kept.layout.places, { kept, claimants: port.claimants });
  last.known = new WeakRef(kept);
  return kept.layout;
}

/** A layout, and what it takes to make the one after it. */
interface Kept {
  readonly services: readonly Service[];
  readonly layout: Layout;
  /** How many claims there are of each domain, by its key. Belongs to the last one that was made from it. */
  readonly claimed: Map<string, number>;
}

const lastOf = memo((..._context: readonly (object | string | number)[]): { known?: WeakRef<Kept> } => ({}));
/** As long as somebody uses the places; with the list by which it is found. */
const keptFor = new Topic<{ readonly kept: Kept; readonly claimants: Port['claimants'] }>();

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
  return { services: port.services, layout, claimed };
}

/** More than this is no small change. */
const mostChanged = 50;

/** Undefined if more differs than services whose names nobody else has. */
function next(port: Port, { services, layout, claimed }: Kept): Kept | undefined {
  const { gone, come } = stretch(services, port.services);
  if (gone.length + come.length > mostChanged) return undefined;
  const [left, joining] = [ownClaims(port, gone), ownClaims(port, come)];
  if (left === undefined || joining === undefined) return undefined;
  const byName = new Map(layout.byName);
  for (const claim of left) {
    if (!claim.domains.every(({ key }) => claimed.get(key) === 1)) return undefined;
    count(claimed, claim, -1);
    byName.delete(virtualHostName(claim.host, port.number));
  }
  const places = layout.places.filter(({ name }) => byName.has(name));
  for (const claim of joining) {
    if (claim.domains.some(({ key }) => claimed.has(key))) return undefined;
    count(claimed, claim, 1);
    const fresh = placeOf(claim, claim.domains, port.number);
    byName.set(fresh.name, fresh);
    places.splice(positionIn(places, fresh.name), 0, fresh);
  }
  return { services: port.services, layout: { places, byName, problems: layout.problems }, claimed };
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
