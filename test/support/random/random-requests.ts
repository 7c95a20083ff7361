// Random rules for the services of a lab and random requests to them, in the way of `random-mesh.ts`: whatever makes sense
// to Envoy, be it useful or not. Only names that the lab has, so that requests can be sent for real.
import fc from 'fast-check';

const present = <T extends object>(value: T): object =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined));
const record = (fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<object> => fc.record(fields).map(present);
const maybe = <T>(arbitrary: fc.Arbitrary<T>, freq = 2): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq });

const paths = ['/', '/a', '/a/b', '/A', '/b', '/ab', '/exact', '/a%2fb', '/a/../b', '/a//b'] as const;
const hosts = [
  'store',
  'store.lab',
  'store.lab.svc.cluster.local:18080',
  'guard',
  'audit',
  'empty',
  'nowhere.example',
] as const;
const headerValues = ['a', 'ab', 'A', '', '7'] as const;

const text = (values: readonly string[]): fc.Arbitrary<object> =>
  fc.oneof(
    fc.constantFrom(...values).map((exact) => ({ exact })),
    fc.constantFrom(...values.filter((value) => value !== '')).map((prefix) => ({ prefix })),
    fc.constantFrom('a.*', '[ab]+', '/[a-z]*', '.*', '/a|/b').map((regex) => ({ regex })),
  );

const match = record({
  uri: maybe(text(paths.slice(0, 7))),
  ignoreUriCase: maybe(fc.boolean()),
  method: maybe(fc.constantFrom('GET', 'POST').map((exact) => ({ exact }))),
  headers: maybe(text(headerValues.slice(0, 3)).map((value) => ({ 'x-test': value }))),
  withoutHeaders: maybe(
    text(headerValues.slice(0, 3)).map((value) => ({ 'x-none': value })),
    4,
  ),
  queryParams: maybe(
    text(['1', '12']).map((value) => ({ q: value })),
    3,
  ),
});

const destination = record({
  host: fc.constantFrom('store', 'store', 'guard', 'audit', 'empty', 'nowhere'),
  subset: maybe(fc.constantFrom('v1', 'v2', 'v9'), 3),
});

const weighted = fc.oneof(
  destination.map((to) => [{ destination: to }]),
  fc.tuple(destination, destination, fc.integer({ min: 0, max: 100 })).map(([a, b, weight]) => [
    { destination: a, weight },
    { destination: b, weight: 100 - weight },
  ]),
);

const abort = fc
  .tuple(fc.constantFrom(418, 503), fc.constantFrom(0, 50, 100))
  .map(([httpStatus, value]) => ({ abort: { httpStatus, percentage: { value } } }));

const action = fc.oneof(
  {
    weight: 6,
    arbitrary: record({ route: weighted, fault: maybe(abort, 3), rewrite: maybe(fc.constant({ uri: '/new' }), 4) }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom({ uri: '/to' }, { redirectCode: 307, authority: 'x' }).map((redirect) => ({ redirect })),
  },
  { weight: 1, arbitrary: fc.constantFrom(200, 404, 503).map((status) => ({ directResponse: { status } })) },
);

const rule = fc
  .tuple(maybe(fc.constantFrom('first', 'second')), maybe(fc.array(match, { minLength: 1, maxLength: 2 })), action)
  .map(([name, matches, does]) => present({ name, match: matches, ...does }));

/** `spec.http` of a VirtualService for the store. */
export const randomRules = fc.array(rule, { minLength: 1, maxLength: 4 });

const source = fc.constantFrom(
  { principals: ['cluster.local/ns/lab/sa/caller'] },
  { notPrincipals: ['cluster.local/ns/lab/sa/caller'] },
  { namespaces: ['lab'] },
  { namespaces: ['other'] },
  { ipBlocks: ['10.0.0.0/8'] },
);
const operation = record({
  paths: maybe(fc.constantFrom(['/a*'], ['/b', '/exact'], ['*b'])),
  methods: maybe(fc.constantFrom(['GET'], ['POST'])),
  notPaths: maybe(fc.constantFrom(['/'], ['/new']), 3),
  ports: maybe(fc.constantFrom(['18080'], ['80']), 4),
}).filter((made) => Object.keys(made).length > 0);

/** `spec` of AuthorizationPolicies, beside the selector. */
export const randomPolicies = fc.array(
  record({
    action: fc.constantFrom('ALLOW', 'DENY'),
    rules: fc.array(
      record({
        from: maybe(source.map((each) => [{ source: each }])),
        to: maybe(operation.map((each) => [{ operation: each }])),
      }),
      { maxLength: 2 },
    ),
  }),
  { maxLength: 2 },
);

export interface RandomRequest {
  readonly host: string;
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
}

export const randomRequest: fc.Arbitrary<RandomRequest> = fc
  .record({
    host: fc.constantFrom(...hosts),
    path: fc.constantFrom(...paths),
    query: fc.constantFrom('', '?q=1', '?q=12&z', '?r'),
    method: fc.constantFrom('GET', 'GET', 'POST'),
    test: maybe(fc.constantFrom(...headerValues), 2),
    none: maybe(fc.constantFrom(...headerValues), 3),
  })
  .map(({ host, path, query, method, test, none }) => ({
    host,
    path: path + query,
    method,
    headers: present({ 'x-test': test, 'x-none': none }) as Readonly<Record<string, string>>,
  }));
