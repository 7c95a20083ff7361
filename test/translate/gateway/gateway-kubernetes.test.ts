// Gateways of Gateway API between networks: the ways into other networks, and what their own workloads listen on.
import { describe, expect, it } from 'vitest';

import type { Asking, Message } from '../../support/objects/translated.ts';
import { assigned, translated, translation } from '../../support/objects/translated.ts';

const passthrough = 'tls: {mode: Passthrough}';
const byOption = 'tls: {mode: Passthrough, options: {gateway.istio.io/listener-protocol: auto-passthrough}}';
const listener = (tls: string, port = 15443, more = ''): string =>
  `{name: l-${port}, port: ${port}, protocol: TLS, ${tls}${more}}`;

interface Written {
  readonly className?: string;
  readonly labels?: string;
  readonly addresses?: string;
}

const gateway = (
  listeners: string,
  { className = 'istio', labels = '{}', addresses = '[]' }: Written = {},
): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: between, namespace: edge, labels: ${labels}}
spec: {gatewayClassName: ${className}, addresses: ${addresses}, listeners: [${listeners}]}
`;

const hill = '{topology.istio.io/network: hill}';
const remote: Written = { className: 'istio-remote', labels: hill, addresses: '[{value: 192.0.2.1}]' };

const problemsOf = (yaml: string): readonly string[] =>
  translation(yaml).problems.map(({ code, message, source }) => `${code} ${source?.path}: ${message}`);

describe('the gateway of a network', () => {
  const beds = `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: beds, namespace: garden}
spec:
  hosts: [beds.garden.internal]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: 10.3.0.1, network: hill, labels: {security.istio.io/tlsMode: istio}}]
`;
  const endpoints = (yaml: string) =>
    assigned(
      translated(beds + yaml, 'endpoint', { metadata: { NETWORK: 'lake' } }).get('outbound|80||beds.garden.internal'),
    );
  const direct = [['10.3.0.1:80 1 mtls']];

  it.each<readonly [string, string, readonly (readonly string[])[]]>([
    ['on the port of gateways', gateway(listener(passthrough), remote), [['192.0.2.1:15443 1 mtls']]],
    ['on any port with the option', gateway(listener(byOption, 8443), remote), [['192.0.2.1:8443 1 mtls']]],
    ['on the port that its label says', gateway(`${listener(passthrough)}, ${listener(passthrough, 17443)}`, { ...remote, labels: '{topology.istio.io/network: hill, networking.istio.io/gatewayPort: "17443"}' }), [['192.0.2.1:17443 1 mtls']]], // prettier-ignore
    ['at each address', gateway(listener(passthrough), { ...remote, addresses: '[{value: 192.0.2.1}, {type: IPAddress, value: 192.0.2.2}, {type: Hostname, value: a.example}]' }), [['192.0.2.1:15443 1 mtls', '192.0.2.2:15443 1 mtls']]], // prettier-ignore
    ['of any class', gateway(listener(passthrough), { ...remote, className: 'own' }), [['192.0.2.1:15443 1 mtls']]],
    ['not without the label', gateway(listener(byOption), { ...remote, labels: '{}' }), direct],
    ['not of another network', gateway(listener(byOption), { ...remote, labels: '{topology.istio.io/network: moor}' }), direct], // prettier-ignore
    ['not on other ports', gateway(listener(passthrough, 15012), remote), direct],
    ['not with a host name alone', gateway(listener(byOption), { ...remote, addresses: '[{type: Hostname, value: a.example}]' }), direct], // prettier-ignore
  ])('%s', (_case, yaml, expected) => {
    expect(endpoints(yaml)).toEqual(expected);
  });
});

describe('workloads of a Gateway', () => {
  const service = (name: string, namespace: string, spec: string): string => `---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: ${namespace}}
spec: ${spec}
`;
  const garden =
    service('web', 'garden', '{clusterIP: 10.1.0.1, selector: {app: web}, ports: [{name: http, port: 80}]}') +
    service('hay', 'field', '{clusterIP: 10.1.0.2, selector: {app: hay}, ports: [{name: raw, port: 7000}]}');
  /** What is deployed for a Gateway, by its class. */
  const front = (name: string): string =>
    service(name, 'edge', '{clusterIP: 10.1.0.9, selector: {gateway.networking.k8s.io/gateway-name: between}, ports: [{name: tls, port: 15443}, {name: other, port: 443}]}'); // prettier-ignore
  const fronts = front('between-istio') + front('between') + front('between-own') + front('between-istio-remote');
  const web = 'outbound_.80_._.web.garden.svc.cluster.local';
  const hay = 'outbound_.7000_._.hay.field.svc.cluster.local';
  const router = (name: string, namespace = 'edge'): Asking => ({
    type: 'router',
    name: 'gate-1',
    namespace,
    address: '10.2.0.9',
    metadata: { LABELS: { 'gateway.networking.k8s.io/gateway-name': name } },
  });
  const entries = (
    yaml: string,
    asking = router('between'),
    more = fronts,
  ): Readonly<Record<string, readonly string[]>> =>
    Object.fromEntries(
      [...translated(garden + yaml + more, 'listener', asking)].map(([name, { filter_chains: chains }]) => [
        name,
        chains
          .flatMap((chain: Message): readonly string[] => chain.filter_chain_match.server_names)
          .filter((name: string) => !name.endsWith('.edge.svc.cluster.local')),
      ]),
    );
  const everything = { '0.0.0.0_15443': [hay, web] };

  it.each<readonly [string, string, Readonly<Record<string, readonly string[]>>]>([
    ['on the port of gateways, with a network', gateway(listener(passthrough), { labels: hill }), everything],
    ['but not on others', gateway(listener(passthrough, 443), { labels: hill }), {}],
    ['with the option', gateway(listener(byOption)), everything],
    ['of the class for it', gateway(listener(byOption), { className: 'istio-east-west' }), everything],
    ['but not without network and option', gateway(listener(passthrough)), {}],
    ['but not of remote ones', gateway(listener(byOption), { ...remote, addresses: '[]' }), {}],
    ['but not of other classes', gateway(listener(byOption), { className: 'own' }), {}],
    ['but not when TLS ends there', gateway(listener(byOption.replace('Passthrough', 'Terminate'))), {}],
    ['also with an address of its own', gateway(listener(byOption), { addresses: '[{value: 192.0.2.1}]' }), everything],
    ["but not when it is for a Service's", gateway(listener(byOption), { addresses: '[{type: Hostname, value: gate}]' }), {}], // prettier-ignore
  ])('listen %s', (_case, yaml, expected) => {
    expect(entries(yaml)).toEqual(expected);
  });

  it('are those behind its Service', () => {
    expect(entries(gateway(listener(byOption)), router('other'))).toEqual({});
    expect(entries(gateway(listener(byOption)), router('between', 'garden'))).toEqual({});
    expect(entries(gateway(listener(byOption)), router('between'), '')).toEqual({});
  });

  it('do not listen where the Service has no port', () => {
    expect(entries(gateway(listener(byOption, 8443)))).toEqual({});
  });

  it('let in the services that the host name covers, of whatever namespace routes may be', () => {
    const named = listener(
      byOption,
      15443,
      ", hostname: '*.garden.svc.cluster.local', allowedRoutes: {namespaces: {from: Same}}",
    );
    expect(entries(gateway(named))).toEqual({ '0.0.0.0_15443': [web] });
  });

  it('listen on the target port of their Service', () => {
    const own = service('between-istio', 'edge', '{clusterIP: 10.1.0.9, selector: {gateway.networking.k8s.io/gateway-name: between}, ports: [{name: tls, port: 15443, targetPort: 8443}]}'); // prettier-ignore
    expect(Object.keys(entries(gateway(listener(byOption)), router('between'), own))).toEqual(['0.0.0.0_8443']);
  });

  it('share a port with servers of Istio’s Gateways', () => {
    const istio = `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: between, namespace: edge}
spec: {servers: [{port: {number: 15443, name: tls, protocol: TLS}, hosts: ['*.field.svc.cluster.local'], tls: {mode: AUTO_PASSTHROUGH}}]}
`;
    const named = gateway(listener(byOption, 15443, ", hostname: '*.garden.svc.cluster.local'"));
    expect(entries(istio + named)).toEqual(everything);
    expect(entries(istio)).toEqual({ '0.0.0.0_15443': [hay] });
  });
});

describe('what is wrong with a listener', () => {
  it.each<readonly [string, string, RegExp]>([
    ['its class', gateway(listener(byOption), { className: 'own' }), /^no-effect spec.gatewayClassName: .* class own /],
    ['its protocol', gateway('{name: web, port: 80, protocol: http}'), /^not-accepted spec.listeners\[0\]: .*did you mean HTTP/], // prettier-ignore
    [
      'its certificate',
      gateway('{name: web, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: absent}]}}'),
      /^unresolved-reference spec.listeners\[0\]: There is no Secret edge\/absent/,
    ],
  ])('%s is told', (_case, yaml, expected) => {
    const [problem, ...others] = problemsOf(yaml);
    expect(others).toEqual([]);
    expect(problem).toMatch(expected);
  });

  it('is nothing when it is in order', () => {
    expect(problemsOf(gateway(listener(byOption)))).toEqual([]);
    expect(problemsOf(gateway(listener(passthrough), remote))).toEqual([]);
  });
});

describe('what is deployed for a Gateway', () => {
  const front = (deployed: boolean): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front, namespace: edge}
spec: {gatewayClassName: istio, ${deployed ? '' : 'addresses: [{type: Hostname, value: front-istio}], '}listeners: [{name: web, port: 80, protocol: HTTP}]}
---
apiVersion: v1
kind: Service
metadata: {name: front-istio, namespace: edge}
spec: {clusterIP: 10.1.0.9, selector: {app: front}, ports: [{name: web, port: 80}, {name: one, port: 8001}, {name: two, port: 8002}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: front-1, namespace: edge, labels: {kubernetes.io/service-name: front-istio}}
addressType: IPv4
endpoints: [{addresses: [10.2.0.9]}]
ports: [{name: web, port: 80}, {name: one, port: 8001}, {name: two, port: 8002}]
`;
  const istio = (namespace: string, port: number): string => `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: more, namespace: ${namespace}}
spec: {selector: {app: front}, servers: [{port: {number: ${port}, name: http, protocol: HTTP}, hosts: ["*"]}]}
`;
  const router: Asking = { type: 'router', name: 'front-1', namespace: 'edge', address: '10.2.0.9', metadata: { LABELS: { app: 'front' } } }; // prettier-ignore
  const listening = (deployed: boolean, asking: Asking): readonly string[] =>
    [...translated(front(deployed) + istio('edge', 8001) + istio('far', 8002), 'listener', asking).keys()].sort();
  const [web, own, far] = ['0.0.0.0_80', '0.0.0.0_8001', '0.0.0.0_8002'];

  it("serves Istio's Gateways of its namespace, and of others only where that is asked for", () => {
    expect(listening(true, router)).toEqual([web, own]);
    expect(listening(true, { ...router, features: { strictGatewayMerging: false } })).toEqual([web, own, far]);
  });

  it('is told from what was there before: that serves whatever selects it', () => {
    expect(listening(false, router)).toEqual([web, own, far]);
  });
});
