// Random meshes as users might write them: a few namespaces, services of all protocols, and rules that may or may not make
// sense together. For properties that hold whatever is written.
import fc from 'fast-check';

export type Raw = Readonly<Record<string, unknown>> & {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
};

const namespaces = ['shop', 'bank'] as const;
const names = ['web', 'cart', 'pay'] as const;
const versions = ['v1', 'v2'] as const;
const portNumbers = [80, 81, 9000] as const;

const namespace = fc.constantFrom(...namespaces);
const name = fc.constantFrom(...names);
const percent = fc.integer({ min: 0, max: 100 });
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 2 });

/** Fields that are undefined are left out, as in YAML. */
const record = (fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Readonly<Record<string, unknown>>> =>
  fc
    .record(fields)
    .map((value) => Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)));

const object = (
  apiVersion: string,
  kind: string,
  spec: fc.Arbitrary<unknown>,
  extra: fc.Arbitrary<object> = fc.constant({}),
): fc.Arbitrary<Raw> =>
  fc.record({ name, namespace, spec, extra, age: fc.integer({ min: 10, max: 28 }) }).map((made) => ({
    apiVersion,
    kind,
    metadata: { name: made.name, namespace: made.namespace, creationTimestamp: `2026-01-${made.age}T00:00:00Z` },
    spec: made.spec,
    ...made.extra,
  }));

const address = (block: number) => fc.nat({ max: 250 }).map((last) => `10.${block}.0.${last + 1}`);

const servicePort = record({
  name: fc.constantFrom('http', 'http2-a', 'grpc-a', 'tcp-a', 'tls-a', 'https', 'mongo', 'anything', 'udp-a'),
  port: fc.constantFrom(...portNumbers),
  targetPort: fc.constantFrom(8080, 8081, 9000),
});

const service = fc
  .record({
    name,
    ports: fc.uniqueArray(servicePort, { minLength: 1, maxLength: 3, selector: (port) => port['port'] }),
    ip: fc.oneof(address(1), fc.constant('None')),
    namespace,
  })
  .map((made): Raw => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: made.name, namespace: made.namespace },
    spec: {
      clusterIP: made.ip,
      selector: { app: made.name },
      ports: made.ports.map((port, i) => ({ ...port, name: `${String(port['name'])}${i}` })),
    },
  }));

const pod = fc
  .record({
    name,
    namespace,
    ip: address(2),
    version: fc.constantFrom(...versions),
    ready: fc.boolean(),
    proxied: fc.boolean(),
  })
  .map((made): Raw => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${made.name}-${made.version}`,
      namespace: made.namespace,
      labels: { app: made.name, version: made.version, ...(made.proxied && { 'security.istio.io/tlsMode': 'istio' }) },
    } as unknown as Raw['metadata'],
    spec: { serviceAccountName: made.name, containers: [{ name: 'app' }] },
    status: { podIP: made.ip, conditions: [{ type: 'Ready', status: made.ready ? 'True' : 'False' }] },
  }));

const host = fc.oneof(
  name,
  fc.record({ name, namespace }).map((to) => `${to.name}.${to.namespace}.svc.cluster.local`),
  fc.constantFrom('outside.example.com', '*.shop.svc.cluster.local', 'nowhere.example'),
);
const plainHost = host.filter((text) => !text.includes('*'));
const destination = record({
  host: plainHost,
  subset: maybe(fc.constantFrom(...versions, 'none')),
  port: maybe(record({ number: fc.constantFrom(...portNumbers) })),
});

const stringMatch = fc.oneof(
  fc.constantFrom('/a', '/b', '/').map((prefix) => ({ prefix })),
  fc.constantFrom('/a', '/exact').map((exact) => ({ exact })),
  fc.constantFrom('/[a-z]+', '.*').map((regex) => ({ regex })),
);
const match = record({
  uri: maybe(stringMatch),
  headers: maybe(fc.constant({ 'x-test': { exact: 'a' } })),
  port: maybe(fc.constantFrom(...portNumbers)),
  sourceLabels: maybe(fc.constantFrom({ app: 'web' }, { app: 'cart' })),
});

const weighted = fc
  .array(destination, { minLength: 1, maxLength: 3 })
  .chain((destinations) =>
    fc
      .array(percent, { minLength: destinations.length, maxLength: destinations.length })
      .map((weights) => destinations.map((to, i) => ({ destination: to, weight: weights[i] }))),
  );
const httpRoute = record({
  name: maybe(fc.constantFrom('first', 'second')),
  match: maybe(fc.array(match, { minLength: 1, maxLength: 2 })),
  route: weighted,
  timeout: maybe(fc.constantFrom('1s', '250ms')),
  retries: maybe(record({ attempts: fc.integer({ min: 0, max: 3 }) })),
  rewrite: maybe(fc.constant({ uri: '/new' })),
  mirror: maybe(destination),
  fault: maybe(
    record({ abort: record({ httpStatus: fc.constantFrom(418, 503), percentage: record({ value: percent }) }) }),
  ),
});

const virtualService = object(
  'networking.istio.io/v1',
  'VirtualService',
  record({
    hosts: fc.uniqueArray(host, { minLength: 1, maxLength: 2 }),
    http: maybe(fc.array(httpRoute, { minLength: 1, maxLength: 3 })),
    tcp: maybe(
      fc.constant([{ route: [{ destination: { host: 'pay.bank.svc.cluster.local', port: { number: 9000 } } }] }]),
    ),
    exportTo: maybe(fc.constantFrom(['.'], ['*'], ['bank'])),
  }),
);

const trafficPolicy = record({
  loadBalancer: maybe(
    fc.constantFrom(
      { simple: 'ROUND_ROBIN' },
      { simple: 'PASSTHROUGH' },
      { consistentHash: { httpHeaderName: 'x-user' } },
    ),
  ),
  connectionPool: maybe(
    fc.constantFrom({ tcp: { maxConnections: 3 } }, { http: { http2MaxRequests: 5, h2UpgradePolicy: 'UPGRADE' } }),
  ),
  outlierDetection: maybe(fc.constantFrom({ consecutive5xxErrors: 3 }, { minHealthPercent: 20 })),
  tls: maybe(fc.constantFrom({ mode: 'DISABLE' }, { mode: 'ISTIO_MUTUAL' }, { mode: 'SIMPLE', sni: 'a.example' })),
});

const destinationRule = object(
  'networking.istio.io/v1',
  'DestinationRule',
  record({
    host,
    trafficPolicy: maybe(trafficPolicy),
    subsets: maybe(
      fc.uniqueArray(
        record({
          name: fc.constantFrom(...versions),
          labels: fc.constantFrom(...versions).map((version) => ({ version })),
          trafficPolicy: maybe(trafficPolicy),
        }),
        { maxLength: 2, selector: (subset) => subset['name'] },
      ),
    ),
    exportTo: maybe(fc.constantFrom(['.'], ['*'])),
  }),
);

const serviceEntry = object(
  'networking.istio.io/v1',
  'ServiceEntry',
  fc.oneof(
    fc.constant({
      hosts: ['outside.example.com'],
      resolution: 'DNS',
      location: 'MESH_EXTERNAL',
      ports: [
        { name: 'http', number: 80, protocol: 'HTTP' },
        { name: 'tls', number: 9000, protocol: 'TLS' },
      ],
    }),
    fc.constant({
      hosts: ['static.example.com'],
      resolution: 'STATIC',
      addresses: ['10.3.0.1'],
      ports: [{ name: 'tcp', number: 81, protocol: 'TCP' }],
      endpoints: [{ address: '10.4.0.1' }],
    }),
    fc.constant({
      hosts: ['pass.example.com'],
      resolution: 'NONE',
      addresses: ['10.5.0.0/16'],
      ports: [{ name: 'tcp', number: 9000, protocol: 'TCP' }],
    }),
  ),
);

const sidecar = object(
  'networking.istio.io/v1',
  'Sidecar',
  record({
    workloadSelector: maybe(fc.constant({ labels: { app: 'web' } })),
    egress: fc.array(record({ hosts: fc.constantFrom(['./*'], ['*/*'], ['bank/*'], ['~/*']) }), {
      minLength: 1,
      maxLength: 1,
    }),
    outboundTrafficPolicy: maybe(fc.constantFrom({ mode: 'REGISTRY_ONLY' }, { mode: 'ALLOW_ANY' })),
  }),
);

const peerAuthentication = object(
  'security.istio.io/v1',
  'PeerAuthentication',
  record({
    selector: maybe(fc.constant({ matchLabels: { app: 'web' } })),
    mtls: fc.constantFrom('STRICT', 'PERMISSIVE', 'DISABLE').map((mode) => ({ mode })),
  }),
);

/** Objects in any order; two of one kind and name are two versions of one object, the last of which counts. */
export const randomObjects: fc.Arbitrary<readonly Raw[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: service },
    { weight: 4, arbitrary: pod },
    { weight: 3, arbitrary: virtualService },
    { weight: 3, arbitrary: destinationRule },
    { weight: 1, arbitrary: serviceEntry },
    { weight: 1, arbitrary: sidecar },
    { weight: 1, arbitrary: peerAuthentication },
  ),
  { minLength: 5, maxLength: 30 },
);

/** The proxies whose configuration is looked at, whether or not their Pods are among the objects. */
export const randomMeshNodes = namespaces.map((ns) => ({
  id: `sidecar~10.2.0.9~web-v1.${ns}~${ns}.svc.cluster.local`,
  cluster: `web.${ns}`,
  metadata: { NAMESPACE: ns, SERVICE_ACCOUNT: 'web', LABELS: { app: 'web', version: 'v1' }, INSTANCE_IPS: '10.2.0.9' },
}));
