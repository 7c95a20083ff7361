// The cost of a change for gateways: one host's routes, one server's certificate, one endpoint, whatever else the gateway has.
import { describe, expect, it } from 'vitest';

import { rebuilt } from '../bench/count.ts';
import type { Configuration } from '../src/model/envoy/resource.ts';
import type { Snapshot } from '../src/model/snapshot.ts';
import { translate } from '../src/translate/translate.ts';
import { parse } from '../src/watchers/parse.ts';
import { Store } from '../src/watchers/store.ts';
import { nodeOf } from './support/objects/translated.ts';

interface Raw {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: { readonly name: string } & Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

const networking = 'networking.istio.io/v1';
const named = (name: string) => ({ name, namespace: 'edge' });
const label = (i: number): string => String(i).padStart(3, '0');

const gateway = (servers: number, credential = 'own'): Raw => ({
  apiVersion: networking,
  kind: 'Gateway',
  metadata: named('front'),
  spec: {
    selector: { app: 'gate' },
    servers: [
      { port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*.plain.test'] },
      ...Array.from({ length: servers }, (_, i) => ({
        port: { number: 443, name: `https-${label(i)}`, protocol: 'HTTPS' },
        hosts: [`host-${label(i)}.tls.test`],
        tls: { mode: 'SIMPLE', credentialName: i === 0 ? credential : `host-${label(i)}` },
      })),
    ],
  },
});

const routes = (i: number, path = '/'): Raw => ({
  apiVersion: networking,
  kind: 'VirtualService',
  metadata: named(`host-${label(i)}`),
  spec: {
    hosts: [`host-${label(i)}.plain.test`, `host-${label(i)}.tls.test`],
    gateways: ['front'],
    http: [{ match: [{ uri: { prefix: path } }], route: [{ destination: { host: 'barn.edge.svc.cluster.local' } }] }],
  },
});

const api = 'gateway.networking.k8s.io/v1';
const kubernetesGateway: Raw = {
  apiVersion: api,
  kind: 'Gateway',
  metadata: named('quay'),
  spec: {
    gatewayClassName: 'istio',
    addresses: [{ type: 'Hostname', value: 'gate.edge.svc.cluster.local' }],
    listeners: [{ name: 'web', port: 8000, protocol: 'HTTP' }],
  },
};
const gate: readonly Raw[] = [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: named('gate'),
    spec: { clusterIP: '10.1.0.1', selector: { app: 'gate' }, ports: [{ name: 'http', port: 8000 }] },
  },
  ...[1, 2].map((n) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...named(`gate-${n}`), labels: { app: 'gate' } },
    spec: { containers: [{ name: 'istio-proxy' }] },
    status: { podIP: `10.2.0.${n}` },
  })),
];
const httpRoute = (i: number, path = '/'): Raw => ({
  apiVersion: api,
  kind: 'HTTPRoute',
  metadata: named(`route-${label(i)}`),
  spec: {
    parentRefs: [{ name: 'quay' }],
    hostnames: [`route-${label(i)}.quay.test`],
    rules: [
      {
        matches: [{ path: { value: path } }],
        backendRefs: [{ name: 'barn', port: 80 }],
      },
    ],
  },
});

const slice = (addresses: readonly string[]): Raw => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { ...named('barn-1'), labels: { 'kubernetes.io/service-name': 'barn' } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: addresses.map((address) => ({ addresses: [address] })),
});
const barn: readonly Raw[] = [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: named('barn'),
    spec: { clusterIP: '10.1.0.2', ports: [{ name: 'http', port: 80 }] },
  },
  slice(['10.2.1.1', '10.2.1.2']),
];

/** `changed` take the place of objects with their names. */
function edgeOf(size: number, changed: readonly Raw[] = []): readonly Raw[] {
  const numbers = Array.from({ length: size }, (_, i) => i);
  const all = [gateway(size), kubernetesGateway, ...gate, ...barn, ...numbers.map((i) => routes(i)), ...numbers.map((i) => httpRoute(i))]; // prettier-ignore
  const keyOf = ({ apiVersion, kind, metadata }: Raw): string => `${apiVersion} ${kind} ${metadata.name}`;
  return [...new Map([...all, ...changed].map((raw) => [keyOf(raw), raw])).values()];
}

const parsed = (raws: readonly Raw[]) =>
  raws.map((raw) => {
    const { object, problems } = parse(raw);
    if (object === undefined) throw new Error(JSON.stringify(problems));
    return object;
  });

const routers = [1, 2].map((n) =>
  nodeOf({
    type: 'router',
    name: `gate-${n}`,
    namespace: 'edge',
    address: `10.2.0.${n}`,
    metadata: { LABELS: { app: 'gate' } },
  }),
);

function configurations(snapshot: Snapshot): readonly Configuration[] {
  const translation = translate(snapshot);
  return routers.map((node) => translation.configuration(node)!);
}

/** What is made anew for two routers of the same Gateways, each resource once. */
function rebuiltBy(change: readonly Raw[], size: number): readonly string[] {
  const store = new Store();
  const first = configurations(store.apply('edge', parsed(edgeOf(size))));
  const made = rebuilt(first, configurations(store.apply('edge', parsed(edgeOf(size, change)))));
  return made.map(({ type, name }) => `${type.slice(type.lastIndexOf('.') + 1)} ${name}`).toSorted();
}

describe.each([40, 120])('of a gateway with %i hosts', (size) => {
  it('a VirtualService rebuilds the virtual hosts that it names, and the route configurations that hold them', () => {
    expect(rebuiltBy([routes(0, '/new')], size)).toEqual([
      'RouteConfiguration http.80',
      'RouteConfiguration https.443.https-000.front.edge',
      'VirtualHost http.80/host-000.plain.test:80',
      'VirtualHost https.443.https-000.front.edge/host-000.tls.test:443',
    ]);
  });

  it('an HTTPRoute does the same', () => {
    expect(rebuiltBy([httpRoute(0, '/new')], size)).toEqual([
      'RouteConfiguration http.8000',
      'VirtualHost http.8000/route-000.quay.test:8000',
    ]);
  });

  it('a certificate of one server rebuilds the listener, and no routes', () => {
    expect(rebuiltBy([gateway(size, 'other')], size)).toEqual(['Listener 0.0.0.0_443']);
  });

  it('an endpoint rebuilds its load assignment only', () => {
    expect(rebuiltBy([slice(['10.2.1.1'])], size)).toEqual([
      'ClusterLoadAssignment outbound|80||barn.edge.svc.cluster.local',
    ]);
  });

  it('a new host is the only one that is made', () => {
    expect(rebuiltBy([httpRoute(size)], size)).toEqual([
      'RouteConfiguration http.8000',
      `VirtualHost http.8000/route-${label(size)}.quay.test:8000`,
    ]);
  });
});
