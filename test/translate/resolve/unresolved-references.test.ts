// What objects name and what is not there: for each kind the field, and what would be right.
import { expect, test } from 'vitest';

import { translation } from '../../support/objects/translated.ts';

const mesh = `
apiVersion: v1
kind: Namespace
metadata: { name: garden }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: default, namespace: garden }
---
apiVersion: v1
kind: Secret
metadata: { name: front-tls, namespace: edge }
---
apiVersion: v1
kind: Service
metadata: { name: plants, namespace: garden }
spec: { ports: [{ name: http, port: 80 }, { name: grpc, port: 90 }] }
---
apiVersion: v1
kind: Service
metadata: { name: tools, namespace: shed }
spec: { ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: seeds, namespace: garden }
spec: { hosts: [seeds.example.com], ports: [{ number: 443, name: tls, protocol: TLS }], resolution: DNS }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: plants, namespace: garden }
spec: { host: plants, subsets: [{ name: old }, { name: new }] }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front, namespace: edge }
spec: { selector: { app: front }, servers: [{ port: { number: 443, name: https, protocol: HTTPS }, hosts: ['*'], tls: { mode: SIMPLE, credentialName: front-tls } }] }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
    extensionProviders: [{ name: asked, envoyExtAuthzHttp: { service: plants.garden.svc.cluster.local, port: 80 } }]
`;

const unresolved = (object: string): readonly (readonly [string | undefined, string])[] =>
  translation(`${mesh}\n---\n${object}`)
    .unresolved()
    .map(({ code, severity, source, message }) => {
      expect([code, severity]).toEqual(['unresolved-reference', 'warning']);
      return [source?.path, message];
    });

const routing = (spec: string, kind = 'VirtualService'): string =>
  `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: { name: tested, namespace: garden }\nspec: ${spec}`;

test('a mesh in which everything is there names nothing', () => {
  const route = (destination: string) => `{ weight: 25, destination: ${destination} }`;
  const destinations = [
    '{ host: plants, subset: old, port: { number: 90 } }',
    '{ host: plants.garden.svc.cluster.local, subset: new }',
    '{ host: tools.shed.svc.cluster.local }',
    '{ host: seeds.example.com, port: { number: 443 } }',
  ].map(route);
  expect(
    unresolved(
      routing(`{ hosts: [a.com], gateways: [edge/front, mesh], http: [{ route: [${destinations.join(', ')}] }] }`),
    ),
  ).toEqual([]);
  expect(unresolved(routing(`{ host: '*.shed.svc.cluster.local' }`, 'DestinationRule'))).toEqual([]);
  expect(
    unresolved(routing(`{ egress: [{ hosts: ['./*', 'shed/tools.shed.svc.cluster.local'] }] }`, 'Sidecar')),
  ).toEqual([]);
});

test.each([
  [
    'a host',
    '{ hosts: [plants], http: [{ route: [{ destination: { host: tools } }] }] }',
    'spec.http[0].route[0].destination.host',
    'there is no service tools.garden.svc.cluster.local in the mesh: is tools.shed.svc.cluster.local meant? Else add a ServiceEntry for it',
  ],
  [
    'a host with a dot',
    '{ hosts: [plants], tcp: [{ route: [{ destination: { host: tools.shed } }] }] }',
    'spec.tcp[0].route[0].destination.host',
    'there is no service tools.shed in the mesh: with a dot in it, a name has to be written in full, tools.shed.svc.cluster.local',
  ],
  [
    'a mirror',
    '{ hosts: [plants], http: [{ route: [{ destination: { host: plants } }], mirrors: [{ destination: { host: nowhere.example.com } }] }] }',
    'spec.http[0].mirrors[0].destination.host',
    'there is no service nowhere.example.com in the mesh: create the Service, or a ServiceEntry if it is outside',
  ],
  [
    'a subset',
    '{ hosts: [plants], http: [{ route: [{ destination: { host: plants, subset: newer } }] }] }',
    'spec.http[0].route[0].destination.subset',
    'no DestinationRule for plants.garden.svc.cluster.local has a subset "newer": there are old, new; add it there, or name another one',
  ],
  [
    'a port',
    '{ hosts: [plants], http: [{ mirror: { host: plants, port: { number: 81 } }, route: [{ destination: { host: plants } }] }] }',
    'spec.http[0].mirror.port.number',
    'plants.garden.svc.cluster.local has no port 81: it has 80, 90; name one of these',
  ],
  [
    'a gateway',
    '{ hosts: [plants.example.com], gateways: [front], http: [{ route: [{ destination: { host: plants } }] }] }',
    'spec.gateways[0]',
    'there is no Gateway garden/front: is edge/front meant?',
  ],
  [
    'a gateway of a match',
    '{ hosts: [plants.example.com], gateways: [mesh], http: [{ match: [{ gateways: [mesh, edge/back] }], route: [{ destination: { host: plants } }] }] }',
    'spec.http[0].match[0].gateways[1]',
    'there is no Gateway edge/back: create it, or name another one',
  ],
])('of a VirtualService: %s', (_what, spec, path, message) => {
  expect(unresolved(routing(spec))).toEqual([[path, message]]);
});

test.each([
  ['DestinationRule', '{ host: weeds }', 'spec.host', 'weeds.garden.svc.cluster.local'],
  ['DestinationRule', `{ host: '*.example.org' }`, 'spec.host', '*.example.org'],
  [
    'DestinationRule',
    '{ host: plants, trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, tls: { mode: SIMPLE, credentialName: ours } }] } }',
    'spec.trafficPolicy.portLevelSettings[0].tls.credentialName',
    'there is no Secret ours in any namespace',
  ],
  [
    'Gateway',
    '{ selector: { a: b }, servers: [{ port: { number: 443, name: https, protocol: HTTPS }, hosts: ["*"], tls: { mode: SIMPLE, credentialName: other-tls } }] }',
    'spec.servers[0].tls.credentialName',
    'there is no Secret other-tls in any namespace',
  ],
  ['Sidecar', `{ egress: [{ hosts: ['*/weeds.example.com'] }] }`, 'spec.egress[0].hosts[0]', 'weeds.example.com'],
  [
    'Sidecar',
    `{ egress: [{ hosts: ['*/*'] }], outboundTrafficPolicy: { mode: ALLOW_ANY, egressProxy: { host: way-out, port: { number: 80 } } } }`,
    'spec.outboundTrafficPolicy.egressProxy.host',
    'way-out.garden.svc.cluster.local',
  ],
  [
    'WorkloadGroup',
    '{ template: { serviceAccount: machine } }',
    'spec.template.serviceAccount',
    'no ServiceAccount machine',
  ],
  [
    'WorkloadEntry',
    '{ address: 10.1.1.1, serviceAccount: machine }',
    'spec.serviceAccount',
    'no ServiceAccount machine',
  ],
])('of a %s: %s', (kind, spec, path, message) => {
  expect(unresolved(routing(spec, kind))).toEqual([[path, expect.stringContaining(message)]]);
});

test.each([
  ['security.istio.io/v1', 'AuthorizationPolicy', '{ action: CUSTOM, provider: { name: nobody }, rules: [{}] }', 'spec.provider.name', 'add it to extensionProviders, or name one of asked'],
  ['security.istio.io/v1', 'AuthorizationPolicy', '{ targetRefs: [{ kind: Service, name: plants }, { kind: Service, name: weeds }] }', 'spec.targetRefs[1].name', 'there is no Service weeds in the namespace garden'],
  ['security.istio.io/v1', 'RequestAuthentication', '{ targetRef: { group: gateway.networking.k8s.io, kind: Gateway, name: door } }', 'spec.targetRef.name', 'there is no Gateway door'],
  ['telemetry.istio.io/v1', 'Telemetry', '{ accessLogging: [{ providers: [{ name: envoy }, { name: elsewhere }] }] }', 'spec.accessLogging[0].providers[1].name', 'no extension provider "elsewhere"'],
  ['extensions.istio.io/v1alpha1', 'WasmPlugin', '{ url: "oci://example.com/a:1", imagePullSecret: pull }', 'spec.imagePullSecret', 'create it in the namespace garden'],
  ['policy.keelson.io/v1alpha1', 'RateLimitPolicy', '{ targetRefs: [{ group: networking.istio.io, kind: VirtualService, name: gone }], local: [{ requests: 1 }] }', 'spec.targetRefs[0].name', 'there is no VirtualService gone'],
])('of %s %s', (version, kind, spec, path, message) => {
  const object = `apiVersion: ${version}\nkind: ${kind}\nmetadata: { name: tested, namespace: garden }\nspec: ${spec}`;
  expect(unresolved(object)).toEqual([[path, expect.stringContaining(message)]]);
}); // prettier-ignore
