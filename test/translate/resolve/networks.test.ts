import { describe, expect, it } from 'vitest';

import { contains } from '../../../src/translate/resolve/settings/cidr.ts';
import { assigned, translated } from '../../support/objects/translated.ts';

const mesh = (networks: string): string => `---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  meshNetworks: '${networks}'
`;

const beds = (endpoints: string): string => `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: beds, namespace: garden}
spec:
  hosts: [beds.garden.internal]
  location: MESH_INTERNAL
  resolution: STATIC
  addresses: [10.9.0.1]
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: ${endpoints}
`;

const meshTls = '{security.istio.io/tlsMode: istio}';
const three = beds(`[
    {address: 10.3.0.1, network: hill, labels: ${meshTls}},
    {address: 10.4.0.1, network: lake, labels: ${meshTls}, weight: 3},
    {address: 10.4.0.2, network: lake}]`);
const gateways = mesh(
  '{networks: {hill: {gateways: [{address: 192.0.2.1, port: 15443}]}, lake: {gateways: [{address: 192.0.2.2, port: 15443}, {address: 192.0.2.3, port: 9443}]}}}',
);

const endpoints = (yaml: string, metadata: Readonly<Record<string, unknown>> = {}) =>
  assigned(translated(yaml, 'endpoint', { metadata }).get('outbound|80||beds.garden.internal'));

describe('endpoints of other networks', () => {
  it('are reached through the gateways of their network, which take mutual TLS alone and share the weight', () => {
    expect(endpoints(three + gateways, { NETWORK: 'hill' })).toEqual([
      ['10.3.0.1:80 2 mtls', '192.0.2.2:15443 3 mtls', '192.0.2.3:9443 3 mtls'],
    ]);
  });

  it('are all that there is for a caller that does not know its own network', () => {
    expect(endpoints(three + gateways)).toEqual([
      ['192.0.2.1:15443 2 mtls', '192.0.2.2:15443 3 mtls', '192.0.2.3:9443 3 mtls'],
    ]);
  });

  it('are reached directly where the network has no gateway', () => {
    const [[first] = []] = endpoints(beds('[{address: 10.5.0.1, network: moor}]') + gateways, { NETWORK: 'hill' });
    expect(first).toBe('10.5.0.1:80 2');
  });

  it('may be known by their network alone', () => {
    const entry = `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: beds, namespace: garden}
spec: {hosts: [beds.garden.internal], location: MESH_INTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], workloadSelector: {labels: {app: beds}}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: far, namespace: garden}
spec: {network: hill, labels: {app: beds}, serviceAccount: beds}
`;
    expect(endpoints(entry + gateways, { NETWORK: 'lake' })).toEqual([['192.0.2.1:15443 2 mtls']]);
    expect(endpoints(entry, { NETWORK: 'lake' })).toEqual([]);
  });

  it('leave their locality behind when none can be reached', () => {
    expect(endpoints(beds('[{address: 10.4.0.2, network: lake}]') + gateways, { NETWORK: 'hill' })).toEqual([[]]);
  });

  it('are left out when the caller wants to see others only', () => {
    expect(endpoints(three, { REQUESTED_NETWORK_VIEW: 'hill' })).toEqual([['10.3.0.1:80 1 mtls']]);
  });
});

it('a Service with the label of a network is a gateway of it, on the port that it names', () => {
  const service = `---
apiVersion: v1
kind: Service
metadata: {name: gate, namespace: edge, labels: {topology.istio.io/network: hill, networking.istio.io/gatewayPort: "17443"}}
spec: {clusterIP: 10.1.0.9, externalIPs: [192.0.2.8], ports: [{name: tls, port: 17443}]}
status: {loadBalancer: {ingress: [{ip: 192.0.2.9}]}}
`;
  expect(
    endpoints(beds(`[{address: 10.3.0.1, network: hill, labels: ${meshTls}}]`) + service, { NETWORK: 'lake' }),
  ).toEqual([['192.0.2.8:17443 1 mtls', '192.0.2.9:17443 1 mtls']]);
});

describe('a Pod is in the network', () => {
  const pots = (labels: string): string => `---
apiVersion: v1
kind: Service
metadata: {name: pots, namespace: garden}
spec: {clusterIP: 10.1.0.5, selector: {app: pots}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: pots-1, namespace: garden, labels: {app: pots, security.istio.io/tlsMode: istio${labels}}}
spec: {containers: [{name: app}]}
status: {podIP: 10.6.0.1}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: pots, namespace: garden, labels: {kubernetes.io/service-name: pots}}
addressType: IPv4
ports: [{name: http, port: 80}]
endpoints: [{addresses: [10.6.0.1], conditions: {ready: true}, targetRef: {kind: Pod, namespace: garden, name: pots-1}}]
`;
  const namespace = (name: string): string => `---
apiVersion: v1
kind: Namespace
metadata: {name: ${name}, labels: {topology.istio.io/network: hill}}
`;
  const through = (yaml: string) =>
    assigned(translated(yaml, 'endpoint').get('outbound|80||pots.garden.svc.cluster.local'))[0]?.[0]?.split(':')[0];

  it.each([
    ['of its label', pots(', topology.istio.io/network: hill') + gateways],
    ['of its namespace', pots('') + namespace('garden') + gateways],
    ["of the control plane's namespace", pots('') + namespace('istio-system') + gateways],
    [
      'of its cluster',
      pots('') +
        mesh('{networks: {hill: {endpoints: [{fromRegistry: Kubernetes}], gateways: [{address: 192.0.2.1}]}}}'),
    ],
    [
      'of its address',
      pots('') + mesh('{networks: {hill: {endpoints: [{fromCidr: 10.6.0.0/16}], gateways: [{address: 192.0.2.1}]}}}'),
    ],
  ])('%s', (_where, yaml) => {
    expect(through(yaml)).toBe('192.0.2.1');
  });

  it('that nothing names: none', () => {
    expect(through(pots('') + gateways)).toBe('10.6.0.1');
  });
});

it.each([
  ['10.1.0.0/16', '10.1.255.255', true],
  ['10.1.0.0/16', '10.2.0.0', false],
  ['10.1.2.3', '10.1.2.3', true],
  ['0.0.0.0/0', '255.255.255.255', true],
  ['fd00::/8', 'fdff::1', true],
  ['fd00::/8', 'fe00::1', false],
  ['::ffff:10.0.0.0/104', '::ffff:10.1.2.3', true],
  ['10.0.0.0/8', '::1', false],
  ['10.0.0.0/8', 'shop.example', false],
])('%s has %s in it: %s', (block, address, expected) => {
  expect(contains(block, address)).toBe(expected);
});
