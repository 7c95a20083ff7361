// A Service may have the same port number for TCP and for UDP, as DNS and HTTP/3 do. Proxies see connections only: they get
// what they would get if the port for datagrams was not there, wherever it stands.
// https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/
import { describe, expect, it, test } from 'vitest';

import type { Asking } from '../support/objects/translated.ts';
import { assigned, conflictsOf, nodeOf, translated, translation } from '../support/objects/translated.ts';

const kinds = ['cluster', 'endpoint', 'listener', 'route'] as const;
/** Without what caused it, which stands elsewhere. */
const sentTo = (yaml: string, asking: Asking): object =>
  JSON.parse(JSON.stringify(Object.fromEntries(kinds.map((kind) => [kind, Object.fromEntries(translated(yaml, kind, asking))])))) as object; // prettier-ignore

interface Port {
  readonly name: string;
  readonly protocol: 'TCP' | 'UDP';
  readonly port: number;
  readonly targetPort: number;
}
const dns: Port = { name: 'dns', protocol: 'UDP', port: 53, targetPort: 5300 };
const dnsTcp: Port = { name: 'dns-tcp', protocol: 'TCP', port: 53, targetPort: 5301 };
const quic: Port = { name: 'quic', protocol: 'UDP', port: 80, targetPort: 8443 };
const http: Port = { name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 };
const connections = [dnsTcp, http];
/** Before, after and between those for connections. */
const orders = [
  [dns, quic, dnsTcp, http],
  [dnsTcp, http, dns, quic],
  [dns, dnsTcp, http, quic],
];

const pod = (name: string, address: string): string => `---
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: garden, labels: {app: names, security.istio.io/tlsMode: istio}}
spec: {containers: [{name: app}]}
status: {podIP: ${address}, conditions: [{type: Ready, status: 'True'}]}
`;

const service = (ports: readonly Port[], inSlice: readonly Port[], clusterIP: string): string => `---
apiVersion: v1
kind: Service
metadata: {name: names, namespace: garden}
spec: {clusterIP: ${clusterIP}, selector: {app: names}, ports: ${JSON.stringify(ports)}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: names-1, namespace: garden, labels: {kubernetes.io/service-name: names}}
addressType: IPv4
ports: ${JSON.stringify(inSlice.map(({ name, protocol, targetPort }) => ({ name, protocol, port: targetPort })))}
endpoints:
  - {addresses: [10.2.0.7], conditions: {ready: true}, targetRef: {kind: Pod, name: names-1, namespace: garden}}
  - {addresses: [10.2.0.8], conditions: {ready: true}, targetRef: {kind: Pod, name: names-2, namespace: garden}}
`;

const rule = `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: names, namespace: garden}
spec:
  host: names.garden.svc.cluster.local
  trafficPolicy: {connectionPool: {tcp: {maxConnections: 7}}}
  subsets: [{name: all, labels: {app: names}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: names, namespace: garden}
spec:
  hosts: [names.garden.svc.cluster.local]
  tcp: [{match: [{port: 53}], route: [{destination: {host: names.garden.svc.cluster.local, subset: all, port: {number: 53}}}]}]
  http: [{route: [{destination: {host: names.garden.svc.cluster.local, subset: all}}]}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gate, namespace: garden}
spec:
  selector: {app: names}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}, {port: {number: 53, name: tcp, protocol: TCP}, hosts: ['*']}]
`;

const mesh = (ports: readonly Port[], inSlice = ports, clusterIP = '10.1.0.1'): string =>
  waypoint +
  service(ports, inSlice, clusterIP) +
  pod('names-1', '10.2.0.7') +
  pod('names-2', '10.2.0.8') +
  rule +
  scope;

const waypoint = `---
apiVersion: v1
kind: Namespace
metadata: {name: garden, labels: {istio.io/use-waypoint: way}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: way, namespace: garden}
spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
---
apiVersion: v1
kind: Pod
metadata:
  name: way-1
  namespace: garden
  labels: {gateway.networking.k8s.io/gateway-name: way, gateway.istio.io/managed: istio.io-mesh-controller}
spec: {containers: [{name: istio-proxy}]}
status: {podIP: 10.2.0.9}
`;

const scope = `---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: field}
spec:
  egress:
    - {port: {number: 53, name: tcp-dns, protocol: TCP}, hosts: ['garden/*']}
    - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['garden/*']}
    - {hosts: ['garden/*']}
`;

const server = { name: 'names-1', address: '10.2.0.7', metadata: { LABELS: { app: 'names' } } };
const proxies: Readonly<Record<string, Asking>> = {
  'the sidecar of a client': {},
  'the sidecar of a client with listeners of its own': { namespace: 'field' },
  'the sidecar of a client that is not intercepted': { metadata: { INTERCEPTION_MODE: 'NONE' } },
  'the sidecar of a client that has its queries captured': { metadata: { DNS_CAPTURE: 'true' } },
  'the sidecar of a client that tells Services by their addresses': { features: { routeByAddress: true } },
  'the sidecar of a server': server,
  'a gateway': { ...server, type: 'router' },
  'a waypoint': {
    type: 'waypoint',
    name: 'way-1',
    address: '10.2.0.9',
    metadata: {
      LABELS: {
        'gateway.networking.k8s.io/gateway-name': 'way',
        'gateway.istio.io/managed': 'istio.io-mesh-controller',
      },
    },
  },
};

describe.each(Object.entries(proxies))('%s', (_name, asking) => {
  it.each(['10.1.0.1', 'None'])('is sent the same beside ports for datagrams, at address %s', (address) => {
    const alone = sentTo(mesh(connections, connections, address), asking);
    for (const ports of orders)
      for (const inSlice of [ports, ports.toReversed()])
        expect(sentTo(mesh(ports, inSlice, address), asking)).toEqual(alone);
  });
});

it('is in the way of nothing that policies look at', () => {
  const policy = `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: gets, namespace: garden}
spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: way}], rules: [{to: [{operation: {methods: [GET]}}]}]}
`;
  const asking = proxies['a waypoint'];
  expect(conflictsOf(mesh([quic, http]) + policy, asking)).toEqual(conflictsOf(mesh([http]) + policy, asking));
});

it('is nowhere to lead to, which is told', () => {
  const yaml = mesh([dns, http]);
  const told = translation(yaml);
  const messages = [...told.conflicts(nodeOf({})), ...told.unresolved()].map(({ message }) => message);
  expect(messages.filter((message) => message.includes('port 53'))).toEqual([
    'Service garden/names has port 53 for UDP only: requests that come here are answered with 503; name one of 80',
    'names.garden.svc.cluster.local has port 53 for UDP only: it has 80; name one of these',
  ]);
});

test('the endpoints are those of the port for connections', () => {
  for (const ports of orders) {
    const endpoints = translated(mesh(ports), 'endpoint');
    expect(assigned(endpoints.get('outbound|53||names.garden.svc.cluster.local'))).toEqual([
      ['10.2.0.7:5301 1 HEALTHY mtls', '10.2.0.8:5301 1 HEALTHY mtls'],
    ]);
  }
});

test('a name of a target port is that of a container port for the same transport', () => {
  const named = (ports: string): string => `---
apiVersion: v1
kind: Service
metadata: {name: names, namespace: garden}
spec: {clusterIP: 10.1.0.1, selector: {app: names}, ports: [${ports}]}
---
apiVersion: v1
kind: Pod
metadata: {name: names-1, namespace: garden, labels: {app: names}}
spec:
  containers:
    - {name: datagrams, ports: [{name: dns, containerPort: 5300, protocol: UDP}]}
    - {name: connections, ports: [{name: dns, containerPort: 5301}]}
status: {podIP: 10.2.0.7}
`;
  const udp = '{name: dns, protocol: UDP, port: 53, targetPort: dns}';
  const tcp = '{name: dns-tcp, port: 53, targetPort: dns}';
  for (const ports of [`${udp}, ${tcp}`, `${tcp}, ${udp}`])
    expect(
      [...translated(named(ports), 'cluster', server).keys()].filter((name) => name.startsWith('inbound|')),
    ).toEqual(['inbound|5301||']);
});

test('HTTP/3 is offered where the Service leads datagrams to, next to HTTP where it leads connections to', () => {
  const secure = { ...http, port: 443 };
  const gate = `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gate, namespace: garden}
spec:
  selector: {app: names}
  servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: gate}}]
`;
  const asking: Asking = { ...server, type: 'router', features: { http3: true } };
  const listeners = (ports: readonly Port[]): readonly (readonly [string, number])[] => {
    const yaml = service(ports, ports, '10.1.0.1') + pod('names-1', '10.2.0.7') + gate;
    return [...translated(yaml, 'listener', asking)].map(([name, { address }]) => [
      name,
      address.socket_address.port_value,
    ]);
  };
  const over = { ...quic, port: 443 };
  for (const ports of [
    [over, secure],
    [secure, over],
  ])
    expect(listeners(ports)).toEqual([
      ['0.0.0.0_8080', 8080],
      ['udp_0.0.0.0_8443', 8443],
    ]);
  expect(listeners([secure, { ...over, targetPort: secure.targetPort }]).map(([name]) => name)).toEqual([
    '0.0.0.0_8080',
    'udp_0.0.0.0_8080',
  ]);
  expect(listeners([secure, dns])).toEqual([['0.0.0.0_8080', 8080]]);
});

const entry = (name: string, port: string, address: string): string => `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: garden}
spec: {hosts: [names.example.com], resolution: STATIC, ports: [${port}], endpoints: [{address: ${address}}]}
`;

test('ServiceEntries of one host, each with a port of the number, have their own endpoints', () => {
  const udp = entry('a', '{name: dns, number: 53, protocol: UDP}', '10.9.0.1');
  const tcp = entry('b', '{name: dns-tcp, number: 53, protocol: TCP}', '10.9.0.2');
  for (const yaml of [udp + tcp, tcp + udp]) {
    const endpoints = translated(yaml, 'endpoint');
    expect(assigned(endpoints.get('outbound|53||names.example.com'))).toEqual([['10.9.0.2:53 1']]);
  }
});

test('a listener of a Gateway for connections is not reached at a port for datagrams', () => {
  const told = (protocol: string): unknown =>
    translation(`${service([{ ...http, protocol: protocol as 'TCP' }], [http], '10.1.0.1')}---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gate, namespace: garden}
spec:
  gatewayClassName: istio
  addresses: [{type: Hostname, value: names.garden.svc.cluster.local}]
  listeners: [{name: http, port: 80, protocol: HTTP}]
`)
      .statuses()
      .find(({ kind }) => kind === 'Gateway')?.status['conditions'];
  expect(JSON.stringify(told('TCP'))).toContain('"type":"Programmed","status":"True"');
  expect(JSON.stringify(told('UDP'))).toContain('names.garden.svc.cluster.local has no port 80');
});

test('a policy for the port for datagrams is not one for connections', () => {
  const secure = { ...http, port: 443 };
  const policy = (port: string): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: own, namespace: garden}
spec:
  targetRefs: [{group: '', kind: Service, name: names, sectionName: ${port}}]
  validation: {hostname: names.example.com, wellKnownCACertificates: System}
`;
  const sniOf = (port: string): unknown => {
    const ports = [{ ...quic, port: 443 }, secure];
    const clusters = translated(service(ports, ports, '10.1.0.1') + policy(port), 'cluster');
    return clusters.get('outbound|443||names.garden.svc.cluster.local').transport_socket?.typed_config.sni;
  };
  expect([sniOf('http'), sniOf('quic')]).toEqual(['names.example.com', undefined]);
});
