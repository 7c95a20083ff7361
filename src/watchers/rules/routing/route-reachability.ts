// Routes of a VirtualService that can never be taken, because an earlier one takes all they match. Warnings only.
// https://istio.io/latest/docs/reference/config/analysis/ist0130/
import type { HTTPMatchRequest, StringMatch, VirtualServiceSpec } from '../../../model/schema/index.ts';
import type { Drafts } from '../../draft.ts';
import { canonicalJson } from '../../canonical-json.ts';
import { unreachable } from '../../draft.ts';

interface Route {
  readonly name?: string;
  readonly match?: readonly object[];
}

export function* checkReachability(spec: VirtualServiceSpec): Drafts {
  for (const protocol of ['http', 'tls', 'tcp'] as const) yield* checkDuplicates(spec[protocol] ?? [], protocol);
  yield* checkPrefixes(spec.http ?? []);
}

const label = (protocol: string, route: Route | undefined, index: number): string =>
  route?.name ? JSON.stringify(route.name) : `${protocol}[${index}]`;

/** Rules after one without conditions, and matches that an earlier rule has already. */
function* checkDuplicates(routes: readonly Route[], protocol: string): Drafts {
  const seen = new Map<string, number>();
  let catchAll: number | undefined;
  for (const [index, route] of routes.entries()) {
    const path = ['spec', protocol, index];
    if (catchAll !== undefined) {
      yield unreachable(
        path,
        `never used: rule ${label(protocol, routes[catchAll], catchAll)} before it matches everything`,
      );
    } else if ((route.match ?? []).length === 0) {
      catchAll = index;
    } else {
      const keys = (route.match ?? []).map((match) => canonicalJson({ ...match, name: undefined }));
      for (const [matchIndex, key] of keys.entries()) {
        const earlier = seen.get(key);
        if (earlier === undefined) seen.set(key, index);
        else
          yield unreachable(
            [...path, 'match', matchIndex],
            `never used: rule ${label(protocol, routes[earlier], earlier)} has the same match`,
          );
      }
    }
  }
}

interface PrefixMatch {
  readonly match: HTTPMatchRequest;
  readonly prefix: string;
  readonly index: number;
  readonly matchIndex: number;
}
const mostPrefixes = 1000;

/** A prefix that begins with an earlier one, under conditions that are no wider than that one's. */
function* checkPrefixes(routes: NonNullable<VirtualServiceSpec['http']>): Drafts {
  const prefixes = routes.flatMap((route, index) =>
    (route.match ?? []).flatMap((match, matchIndex): PrefixMatch[] =>
      match.uri?.prefix ? [{ match, prefix: match.uri.prefix, index, matchIndex }] : [],
    ),
  );
  if (prefixes.length > mostPrefixes) return;
  for (const [position, later] of prefixes.entries()) {
    const earlier = prefixes
      .slice(0, position)
      .find(
        (other) => other.prefix !== later.prefix && later.prefix.startsWith(other.prefix) && coversRest(other, later),
      );
    if (earlier !== undefined)
      yield unreachable(
        ['spec', 'http', later.index, 'match', later.matchIndex],
        `never used: the prefix ${earlier.prefix} of rule ${label('http', routes[earlier.index], earlier.index)} comes first`,
      );
  }
}

function coversRest({ match: wide }: PrefixMatch, { match: narrow }: PrefixMatch): boolean {
  return (
    wide.port === narrow.port &&
    otherConditions(wide) === otherConditions(narrow) &&
    asText(wide.method, 'GET').startsWith(asText(narrow.method, 'GET')) &&
    asText(wide.authority).startsWith(asText(narrow.authority)) &&
    (['headers', 'queryParams', 'withoutHeaders'] as const).every((field) => sameConditions(wide[field], narrow[field]))
  );
}

const otherConditions = (match: HTTPMatchRequest): string =>
  canonicalJson([match.sourceLabels, match.sourceNamespace, match.gateways, match.scheme]);

type Conditions = Readonly<Record<string, StringMatch>> | undefined;

function sameConditions(wide: Conditions = {}, narrow: Conditions = {}): boolean {
  return (
    Object.keys(wide).length === Object.keys(narrow).length &&
    Object.entries(wide).every(([name, condition]) => {
      const other = narrow[name];
      return other !== undefined && asText(condition).startsWith(asText(other));
    })
  );
}

/** The condition as one text, so that texts can be compared: the kind of match, then its value. */
const asText = (match: StringMatch | undefined, fallback = ''): string =>
  match?.exact ? `exact ${match.exact}` : match?.prefix ? `prefix ${match.prefix}` : fallback && `exact ${fallback}`;
