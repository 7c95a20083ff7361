// East-west gateways: what lets the mesh's mutual TLS in, and where it leads.
import { describe, expect, it } from 'vitest';

import type { Asking, Message } from '../../support/objects/translated.ts';
import { assigned, conflictsOf, nodeOf, translated, translation } from '../../support/objects/translated.ts';

const gateway = (
  servers: string,
  { name = 'between', namespace = 'edge', selector = '{app: gate}' } = {},
): string => `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: ${name}, namespace: ${namespace}}
spec: {selector: ${selector}, servers: [${servers}]}
`;

const server = (hosts: string, port = 15443, more = ''): string =>
  `{port: {number: ${port}, name: tls-${port}, protocol: TLS}, hosts: [${hosts}], tls: {mode: AUTO_PASSTHROUGH}${more}}`;

const service = (name: string, namespace: string, spec: string, labels = '{}'): string => `---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: ${namespace}, labels: ${labels}}
spec: ${spec}
`;

const pod = (name: string, namespace: string, ip: string, labels: string): string => `---
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: ${namespace}, labels: ${labels}}
spec: {serviceAccountName: ${namespace}, containers: [{name: app, image: example/app}]}
status: {podIP: ${ip}}
`;

const slice = (pods: readonly string[]): string => `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: garden, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 80, protocol: TCP}]
endpoints: [${pods.map((name, i) => `{addresses: [10.2.0.${i + 1}], conditions: {ready: true}, targetRef: {kind: Pod, name: ${name}}}`).join(', ')}]
`;

const meshTls = 'security.istio.io/tlsMode: istio';
const pods =
  service('web', 'garden', '{clusterIP: 10.1.0.1, selector: {app: web}, ports: [{name: http, port: 80}]}') +
  pod('web-1', 'garden', '10.2.0.1', `{app: web, version: v1, ${meshTls}}`) +
  pod('web-2', 'garden', '10.2.0.2', '{app: web, version: v2}');
const garden = pods + slice(['web-1', 'web-2']);
const field = service('hay', 'field', '{clusterIP: 10.1.0.2, selector: {app: hay}, ports: [{name: raw, port: 7000}]}');

const gate: Asking = {
  type: 'router',
  name: 'gate-1',
  namespace: 'edge',
  address: '10.2.0.9',
  metadata: { LABELS: { app: 'gate' } },
};
const withMetadata = (metadata: Readonly<Record<string, unknown>>): Asking => ({
  ...gate,
  metadata: { ...gate.metadata, ...metadata },
});

const web = 'outbound_.80_._.web.garden.svc.cluster.local';
const hay = 'outbound_.7000_._.hay.field.svc.cluster.local';

/** The server names that each listener takes. */
const entries = (yaml: string, asking: Asking = gate): Readonly<Record<string, readonly string[]>> =>
  Object.fromEntries(
    [...translated(yaml, 'listener', asking)].map(([name, { filter_chains: chains }]) => [
      name,
      chains.flatMap((chain: Message) => chain.filter_chain_match.server_names),
    ]),
  );

describe('a gateway', () => {
  it('has the clusters of services and nothing of what a sidecar intercepts', () => {
    const asked = withMetadata({ INTERCEPTION_MODE: 'REDIRECT', DNS_CAPTURE: 'true' });
    expect([...translated(garden, 'cluster', asked).keys()].toSorted()).toEqual([
      'BlackHoleCluster',
      'outbound|80||web.garden.svc.cluster.local',
    ]);
    expect(entries(garden, asked)).toEqual({});
    expect([...translated(garden, 'route', asked).keys()]).toEqual([]);
    expect(conflictsOf(garden, asked)).toEqual([]);
  });

  it('is told the endpoints of headless services', () => {
    const beds =
      service('beds', 'garden', '{clusterIP: None, selector: {app: web}, ports: [{name: raw, port: 7000}]}') + garden;
    const name = 'outbound|7000||beds.garden.svc.cluster.local';
    expect(translated(beds, 'cluster', gate).get(name)).toMatchObject({ type: 'EDS' });
    expect(translated(beds, 'endpoint', gate).has(name)).toBe(true);
    expect(translated(beds, 'cluster').get(name)).toMatchObject({ type: 'ORIGINAL_DST' });
  });

  it('does not guess what is spoken on a port', () => {
    const name = 'outbound|90||odd.garden.svc.cluster.local';
    const odd = service('odd', 'garden', '{clusterIP: 10.1.0.3, ports: [{name: what, port: 90}]}');
    expect(translated(odd, 'cluster', gate).get(name)).not.toHaveProperty('typed_extension_protocol_options');
    expect(translated(odd, 'cluster').get(name)).toHaveProperty('typed_extension_protocol_options');
  });

  it('is not limited by Sidecar objects', () => {
    const sidecar = `---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: edge}
spec: {egress: [{hosts: ['./*']}]}
`;
    expect(entries(garden + sidecar + gateway(server('"*.local"')))).toEqual({ '0.0.0.0_15443': [web] });
  });
});

describe('AUTO_PASSTHROUGH', () => {
  it('leads each server name to the cluster of its name, for callers of the mesh alone', () => {
    const listener = translated(garden + gateway(server('"*.local"')), 'listener', gate).get('0.0.0.0_15443');
    expect(listener).toMatchObject({
      address: { socket_address: { address: '0.0.0.0', port_value: 15443 } },
      listener_filters: [{ name: 'envoy.filters.listener.tls_inspector' }],
      filter_chains: [
        {
          filter_chain_match: {
            server_names: [web],
            application_protocols: ['istio', 'istio-peer-exchange', 'istio-http/1.0', 'istio-http/1.1', 'istio-h2'],
          },
          filters: [{ typed_config: { cluster: web, stat_prefix: web } }],
        },
      ],
    });
    expect(listener).not.toHaveProperty('bind_to_port');
    expect(listener.filter_chains[0]).not.toHaveProperty('transport_socket');
  });

  it('has clusters that do not encrypt again, and only endpoints that take mutual TLS', () => {
    const yaml = garden + gateway(server('"*.local"'));
    const clusters = translated(yaml, 'cluster', gate);
    expect(clusters.get(web)).toMatchObject({ type: 'EDS', eds_cluster_config: { service_name: web } });
    expect(clusters.get(web)).not.toHaveProperty('transport_socket_matches');
    expect(clusters.get('outbound|80||web.garden.svc.cluster.local')).toHaveProperty('transport_socket_matches');
    const assignments = translated(yaml, 'endpoint', gate);
    expect(assigned(assignments.get(web))).toEqual([['10.2.0.1:80 1 HEALTHY mtls']]);
    expect(assigned(assignments.get('outbound|80||web.garden.svc.cluster.local'))[0]).toHaveLength(2);
  });

  it('is there for every subset', () => {
    const rule = `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: garden}
spec: {host: web, subsets: [{name: old, labels: {version: v1}}, {name: new, labels: {version: v2}}]}
`;
    const yaml = garden + rule + gateway(server('"*.local"'));
    const [old, young] = [web.replace('_._.', '_.old_.'), web.replace('_._.', '_.new_.')];
    expect(entries(yaml)).toEqual({ '0.0.0.0_15443': [web, old, young] });
    const assignments = translated(yaml, 'endpoint', gate);
    expect(assigned(assignments.get(old))).toEqual([['10.2.0.1:80 1 HEALTHY mtls']]);
    // The locality stays although nothing in it can be reached.
    expect(assigned(assignments.get(young))).toEqual([[]]);
  });

  it.each([
    ['"*"', [hay, web]],
    ['"*.garden.svc.cluster.local"', [web]],
    ['web.garden.svc.cluster.local', [web]],
    ['garden/*', [web]],
    ['"*/*.local"', [hay, web]],
    ['"./*"', undefined],
  ])('lets in what its hosts say: %s', (hosts, expected) => {
    expect(entries(garden + field + gateway(server(hosts)))).toEqual(
      expected === undefined ? {} : { '0.0.0.0_15443': expected },
    );
  });

  it('lets in nothing that is outside the mesh, or found where the connection was going', () => {
    const entry = (name: string, spec: string): string => `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: garden}
spec: {hosts: [${name}.example.com], ports: [{number: 443, name: tls, protocol: TLS}], ${spec}}
`;
    const yaml =
      entry('far', 'location: MESH_EXTERNAL, resolution: DNS') +
      entry('open', 'location: MESH_INTERNAL, resolution: NONE');
    expect(entries(garden + yaml + gateway(server('"*"')))).toEqual({ '0.0.0.0_15443': [web] });
    const clusters = [...translated(garden + yaml + gateway(server('"*"')), 'cluster', gate).keys()];
    expect(clusters.filter((name) => name.startsWith('outbound_.'))).toEqual([web]);
  });

  it('puts servers of one port together, whichever Gateway they are of', () => {
    const yaml =
      garden +
      field +
      gateway(server('"*.garden.svc.cluster.local"')) +
      gateway(server('"*.local"'), { name: 'other', namespace: 'garden' });
    expect(entries(yaml)).toEqual({ '0.0.0.0_15443': [web, hay] });
  });

  it('listens where the server says', () => {
    expect(Object.keys(entries(garden + gateway(server('"*"', 15443, ', bind: 10.2.0.9'))))).toEqual([
      '10.2.0.9_15443',
    ]);
    const dual = withMetadata({ INSTANCE_IPS: '10.2.0.9,fd00::9' });
    const others = (dualStack: boolean) =>
      translated(garden + gateway(server('"*"')), 'listener', { ...dual, features: { dualStack } }).get('0.0.0.0_15443')
        .additional_addresses;
    expect(others(true)).toHaveLength(1);
    expect(others(false)).toBeUndefined();
    expect(Object.keys(entries(garden + gateway(server('"*"')), withMetadata({ INSTANCE_IPS: 'fd00::9' })))).toEqual([
      '::_15443',
    ]);
  });

  it('listens on the target port of the workload’s Service, unless that is told not to count', () => {
    const own = (labels: string): string =>
      service('gate', 'edge', '{clusterIP: 10.1.0.9, selector: {app: gate}, ports: [{name: tls, port: 15443, targetPort: 8443}]}', labels); // prettier-ignore
    const yaml = garden + gateway(server('"*.garden.svc.cluster.local"'));
    expect(Object.keys(entries(yaml + own('{}')))).toEqual(['0.0.0.0_8443']);
    expect(Object.keys(entries(yaml + own('{experimental.istio.io/disable-gateway-port-translation: "true"}')))).toEqual(['0.0.0.0_15443']); // prettier-ignore
  });

  it('leaves out ports that the workload cannot have', () => {
    const yaml = garden + gateway([server('"*"', 443), server('"*"', 15021), server('"*"', 15090)].join(', '));
    expect(Object.keys(entries(yaml))).toEqual(['0.0.0.0_443']);
    expect(entries(yaml, withMetadata({ UNPRIVILEGED_POD: 'true' }))).toEqual({});
  });
});

describe('a Gateway object', () => {
  const elsewhere = gateway(server('"*"'), { namespace: 'garden' });

  it('is for the workloads that it selects', () => {
    expect(entries(garden + gateway(server('"*"'), { selector: '{app: other}' }))).toEqual({});
    expect(Object.keys(entries(garden + gateway(server('"*"'), { selector: '{}' })))).toEqual(['0.0.0.0_15443']);
    expect(translated(garden + gateway(server('"*"')), 'listener', { metadata: gate.metadata ?? {} }).has('0.0.0.0_15443')).toBe(false); // prettier-ignore
  });

  it('is for workloads of any namespace, or of its own where the control plane is told so', () => {
    expect(Object.keys(entries(garden + elsewhere))).toEqual(['0.0.0.0_15443']);
    expect(entries(garden + elsewhere, { ...gate, features: { gatewaysOfOwnNamespace: true } })).toEqual({});
  });
});

describe('between networks', () => {
  it('endpoints of other networks are not offered on to who asks for its own', () => {
    const far =
      pods +
      slice(['web-1', 'web-2', 'web-3']) +
      pod('web-3', 'garden', '10.2.0.3', `{app: web, topology.istio.io/network: hill, ${meshTls}}`);
    const endpoints = (asking: Asking) =>
      assigned(translated(far + gateway(server('"*"')), 'endpoint', asking).get(web)).flat();
    expect(endpoints(gate)).toHaveLength(2);
    expect(endpoints(withMetadata({ REQUESTED_NETWORK_VIEW: 'hill', NETWORK: 'hill' }))).toContain(
      '10.2.0.3:80 1 HEALTHY mtls',
    );
    expect(endpoints(withMetadata({ REQUESTED_NETWORK_VIEW: 'lake', NETWORK: 'lake' }))).toEqual([
      '10.2.0.1:80 1 HEALTHY mtls',
    ]);
  });
});

describe('scopes of layers', () => {
  it('are not those of sidecars in the same namespace', () => {
    const all = translation(garden + gateway(server('"*"')));
    const scopes = (asking: Asking): readonly string[] => {
      const { cluster = [], endpoint = [], listener = [] } = all.configuration(nodeOf(asking)) ?? {};
      return [...cluster, ...endpoint, ...listener].map(({ scope }) => scope);
    };
    const sidecars = new Set(scopes({ ...gate, type: 'sidecar' }));
    expect(scopes(gate).filter((scope) => sidecars.has(scope))).toEqual([]);
  });
});
