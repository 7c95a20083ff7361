// Meshes for the console's tests: a shop with something to see in every view, and one as large as asked for.
import type { SomeProxy } from './console-daemon.ts';

interface Workload {
  readonly name: string;
  readonly namespace: string;
  readonly versions?: readonly string[];
  readonly ready?: boolean;
}

const workloads: readonly Workload[] = [
  { name: 'ingress', namespace: 'istio-system' },
  { name: 'web', namespace: 'shop' },
  { name: 'catalog', namespace: 'shop', versions: ['v1', 'v2'] },
  { name: 'cart', namespace: 'shop' },
  { name: 'orders', namespace: 'shop' },
  { name: 'payments', namespace: 'bank' },
  { name: 'ledger', namespace: 'bank' },
  { name: 'mailer', namespace: 'tools', ready: false },
];

const pods = workloads.flatMap(({ name, namespace, versions = ['v1'], ready = true }, w) =>
  versions.map((version, v) => ({
    pod: `${name}-${version}`,
    name,
    namespace,
    version,
    ready,
    address: `10.2.${w}.${v + 1}`,
  })),
);

const services = workloads.map(
  ({ name, namespace }, i) => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec: { clusterIP: 10.1.0.${i + 1}, selector: { app: ${name} }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
`,
);

const podObjects = pods.map(
  ({ pod, name, namespace, version, ready, address }) => `
apiVersion: v1
kind: Pod
metadata: { name: ${pod}, namespace: ${namespace}, labels: { app: ${name}, version: ${version}, security.istio.io/tlsMode: istio } }
spec: { serviceAccountName: ${name}, containers: [{ name: app }] }
status: { podIP: ${address}, conditions: [{ type: Ready, status: '${ready ? 'True' : 'False'}' }] }
`,
);

const slices = workloads.map(({ name, namespace, ready = true }) => {
  const own = pods.filter((each) => each.name === name);
  return `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}-1, namespace: ${namespace}, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
ports: [{ name: http, port: 8080 }]
endpoints:
${own.map(({ pod, address }) => `- { addresses: [${address}], conditions: { ready: ${ready} }, targetRef: { kind: Pod, name: ${pod}, namespace: ${namespace} } }`).join('\n')}
`;
});

const routes = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front, namespace: shop }
spec: { selector: { app: ingress }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: [shop.example.com] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: front, namespace: shop }
spec:
  hosts: [shop.example.com]
  gateways: [front]
  http: [{ name: all, route: [{ destination: { host: web } }], timeout: 5s }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: catalog, namespace: shop }
spec:
  hosts: [catalog]
  http:
  - name: canary
    retries: { attempts: 3, perTryTimeout: 1s }
    route:
    - { destination: { host: catalog, subset: v1 }, weight: 90 }
    - { destination: { host: catalog, subset: v2 }, weight: 10 }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web, namespace: shop }
spec:
  hosts: [web]
  http:
  - { match: [{ uri: { prefix: /cart } }], route: [{ destination: { host: cart } }] }
  - { match: [{ uri: { prefix: /orders } }], route: [{ destination: { host: orders } }] }
  - route: [{ destination: { host: catalog } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: orders, namespace: shop }
spec: { hosts: [orders], http: [{ match: [{ uri: { prefix: /pay } }], route: [{ destination: { host: payments.bank.svc.cluster.local } }] }, { route: [{ destination: { host: orders } }] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: payments, namespace: bank }
spec: { hosts: [payments], http: [{ route: [{ destination: { host: ledger } }] }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: catalog, namespace: shop }
spec: { host: catalog, subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: cards, namespace: bank }
spec: { hosts: [cards.example.com], location: MESH_EXTERNAL, resolution: DNS, ports: [{ number: 443, name: tls, protocol: TLS }] }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: bank }
spec: { mtls: { mode: STRICT } }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: elsewhere, namespace: tools }
spec: { selector: { matchLabels: { app: nobody } }, mtls: { mode: STRICT } }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: payments, namespace: bank }
spec: { selector: { matchLabels: { app: payments } }, rules: [{ from: [{ source: { principals: [cluster.local/ns/shop/sa/orders] } }] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: broken, namespace: tools }
spec: { hosts: [mailer], http: [{ route: [{ destination: { host: mailer, subset: missing } }] }], nonsense: true }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: nowhere, namespace: tools }
spec: { host: '' }
`;

export const shop: string = [...services, ...podObjects, ...slices, routes].join('---');

export const shopProxies: readonly SomeProxy[] = pods.map(({ pod, name, namespace, version, address }) => ({
  name: pod,
  namespace,
  address,
  labels: { app: name, version },
  ...(name === 'ingress' && { role: 'router' as const }),
  ...(name === 'ledger' && { nack: "Error adding/updating listener(s) virtualInbound: didn't find a filter for 'x'" }),
  ...(name === 'cart' && { pending: true }),
}));

/** `services` with an endpoint each, in twenty namespaces, and routes that lead from each to the next. */
export function largeMesh(services: number): string {
  return Array.from({ length: services }, (_, i) => {
    const namespace = `team-${i % 20}`;
    const address = `10.${100 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
    return `
apiVersion: v1
kind: Service
metadata: { name: service-${i}, namespace: ${namespace} }
spec: { clusterIP: ${address}, selector: { app: service-${i} }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: service-${i}, namespace: ${namespace} }
spec: { hosts: [service-${i}], http: [{ route: [{ destination: { host: service-${(i + 1) % services}.team-${((i + 1) % services) % 20}.svc.cluster.local } }] }] }
`;
  }).join('---');
}

export const largeProxies = (proxies: number): readonly SomeProxy[] =>
  Array.from({ length: proxies }, (_, i) => ({
    name: `proxy-${i}`,
    namespace: `team-${i % 20}`,
    address: `10.200.${i >> 8}.${i & 255}`,
    labels: { app: `service-${i >> 1}` },
  }));
