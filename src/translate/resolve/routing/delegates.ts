// A root route joined with the routes of the VirtualService that it delegates to: each delegate route is narrowed to
// what the root matches and takes from the root what it leaves open.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#Delegate
import type { Problem } from '../../../model/problem.ts';
import type { HTTPMatchRequest, HTTPRoute, StringMatch } from '../../../model/schema/index.ts';
import type { SourcedRoute } from '../../../model/mesh/virtual-service.ts';
import { at, describeSource } from '../../../model/source.ts';

export interface Joined {
  readonly routes: readonly SourcedRoute<HTTPRoute>[];
  readonly problems: readonly Problem[];
}

/** The delegate's routes as the root allows them; one that matches more than the root does is left out. */
export function joinDelegate(root: SourcedRoute<HTTPRoute>, delegate: readonly SourcedRoute<HTTPRoute>[]): Joined {
  const joined = delegate.map((own) => joinRoute(root, own));
  return {
    routes: joined.filter((one) => 'route' in one),
    problems: joined.filter((one) => 'code' in one),
  };
}

/** What a delegate's route takes from its root when it has nothing of its own there, each as a whole. */
const inherited = [
  'rewrite', 'directResponse', 'timeout', 'retries', 'fault', 'mirror', 'mirrors', 'mirrorPercent', 'mirror_percent',
  'mirrorPercentage', 'corsPolicy', 'headers',
] as const satisfies readonly (keyof HTTPRoute)[]; // prettier-ignore

function joinRoute(root: SourcedRoute<HTTPRoute>, own: SourcedRoute<HTTPRoute>): SourcedRoute<HTTPRoute> | Problem {
  if (own.route.delegate !== undefined) {
    return rejected(root, at(own.source, 'delegate'), 'a delegate cannot delegate again');
  }
  const match = joinMatches(root.route.match ?? [], own.route.match ?? []);
  if (match === undefined) {
    return rejected(root, at(own.source, 'match'), `it matches requests that ${describeSource(root.source)} does not`);
  }
  const fromRoot = Object.fromEntries(
    inherited.filter((field) => root.route[field] !== undefined).map((field) => [field, root.route[field]]),
  );
  const { match: _, ...rest } = own.route;
  const name = joinNames(root.route.name, own.route.name);
  return {
    source: own.source,
    root: root.source,
    route: { ...fromRoot, ...rest, ...(name !== '' && { name }), ...(match.length > 0 && { match }) },
  };
}

const rejected = (root: SourcedRoute<HTTPRoute>, source: Problem['source'], reason: string): Problem => ({
  code: 'delegate-conflict',
  severity: 'warning',
  message: `The route cannot be used through ${describeSource(root.source)}: ${reason}. It is left out.`,
  ...(source !== undefined && { source }),
});

const joinNames = (root: string | undefined, own: string | undefined): string =>
  [root, own].filter((name) => name !== undefined && name !== '').join('-');

/** One match for each pair that fits; undefined when some match of the delegate fits none of the root's. */
function joinMatches(
  root: readonly HTTPMatchRequest[],
  own: readonly HTTPMatchRequest[],
): readonly HTTPMatchRequest[] | undefined {
  if (root.length === 0) return own;
  if (own.length === 0) return root;
  const joined = own.map((narrow) => root.filter((wide) => fits(wide, narrow)).map((wide) => joinMatch(wide, narrow)));
  return joined.some((pairs) => pairs.length === 0) ? undefined : joined.flat();
}

function joinMatch(root: HTTPMatchRequest, own: HTTPMatchRequest): HTTPMatchRequest {
  const name = joinNames(root.name, own.name);
  const union = (field: 'headers' | 'withoutHeaders' | 'queryParams' | 'sourceLabels') =>
    root[field] !== undefined && own[field] !== undefined && { [field]: { ...root[field], ...own[field] } };
  return {
    ...root,
    ...own,
    ...(name !== '' && { name }),
    ...union('headers'),
    ...union('withoutHeaders'),
    ...union('queryParams'),
    ...union('sourceLabels'),
  };
}

/** Whether `own` asks for nothing that `root` excludes. */
function fits(root: HTTPMatchRequest, own: HTTPMatchRequest): boolean {
  return (
    (root.ignoreUriCase ?? false) === (own.ignoreUriCase ?? false) &&
    [root.uri, root.scheme, root.method, root.authority].every((wide, i) =>
      textFits(wide, [own.uri, own.scheme, own.method, own.authority][i]),
    ) &&
    allFit(root.headers, own.headers) &&
    allFit(root.withoutHeaders, own.withoutHeaders) &&
    allFit(root.queryParams, own.queryParams) &&
    sourceFits(root, own)
  );
}

function sourceFits(root: HTTPMatchRequest, own: HTTPMatchRequest): boolean {
  const agree = <T>(a: T | undefined, b: T | undefined): boolean => !a || !b || a === b;
  const rootGateways = root.gateways ?? [];
  return (
    agree(root.port, own.port) &&
    agree(root.sourceNamespace, own.sourceNamespace) &&
    Object.entries(own.sourceLabels ?? {}).every(([key, value]) => agree(root.sourceLabels?.[key], value)) &&
    (rootGateways.length === 0 || (own.gateways ?? []).every((gateway) => rootGateways.includes(gateway)))
  );
}

type StringMatches = Readonly<Record<string, StringMatch>>;
const allFit = (root: StringMatches = {}, own: StringMatches = {}): boolean =>
  Object.entries(own).every(([name, narrow]) => textFits(root[name], narrow));

/** Nothing can be said about two regular expressions, so a regular expression fits nothing and nothing fits it. */
function textFits(root: StringMatch | undefined, own: StringMatch | undefined): boolean {
  if (root === undefined || own === undefined || isEmpty(root) || isEmpty(own)) return true;
  if (root.regex !== undefined || own.regex !== undefined) return false;
  if (root.exact !== undefined) return own.exact === root.exact;
  return (own.exact ?? own.prefix ?? '').startsWith(root.prefix ?? '');
}

const isEmpty = (match: StringMatch): boolean =>
  match.exact === undefined && match.prefix === undefined && match.regex === undefined;
