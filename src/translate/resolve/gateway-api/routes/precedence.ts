// Which of several routes a request takes: the more specific one, whatever object it is written in. Among equals the order in which
// they come stays: by age of their objects, then by their place in them.
// https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule
import type { HTTPMatchRequest, HTTPRoute } from '../../../../model/schema/index.ts';
import type { SourcedRoute } from '../../../../model/mesh/virtual-service.ts';

export const byPrecedence = (routes: readonly SourcedRoute<HTTPRoute>[]): readonly SourcedRoute<HTTPRoute>[] =>
  routes.toSorted((a, b) => comparePrecedence(a.route, b.route));

/** Negative when `a` is asked before `b`. Routes have one match, or none. */
export function comparePrecedence(a: HTTPRoute, b: HTTPRoute): number {
  const [first, second] = [a.match?.[0], b.match?.[0]];
  if (first === undefined || second === undefined) return Number(first === undefined) - Number(second === undefined);
  return (
    pathRank(second) - pathRank(first) ||
    pathLength(second) - pathLength(first) ||
    Number(second.method !== undefined) - Number(first.method !== undefined) ||
    count(second.headers) - count(first.headers) ||
    count(second.queryParams) - count(first.queryParams)
  );
}

function pathRank({ uri }: HTTPMatchRequest): number {
  if (uri?.exact !== undefined) return 3;
  if (uri?.prefix !== undefined) return 2;
  return uri?.regex === undefined ? 0 : 1;
}

const pathLength = ({ uri }: HTTPMatchRequest): number => (uri?.exact ?? uri?.prefix ?? uri?.regex ?? '').length;

const count = (matches: Readonly<Record<string, unknown>> = {}): number => Object.keys(matches).length;
