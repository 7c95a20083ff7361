// Settings of the mesh that hold for what objects leave open, and DestinationRule settings of single clusters.
import { describe, expect, it } from 'vitest';

import { assigned, translated } from '../../support/objects/translated.ts';

const config = (mesh: string): string => `---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: '${mesh}'}
`;

const till = (extra = ''): string => `---
apiVersion: v1
kind: Service
metadata: {name: till, namespace: garden${extra}}
spec: {clusterIP: 10.1.0.2, ports: [{name: http2, port: 80}]}
`;

const rule = (policy: string): string => `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: till, namespace: garden}
spec: {host: till, trafficPolicy: ${policy}}
`;

const name = 'outbound|80||till.garden.svc.cluster.local';
const cluster = (...yaml: readonly string[]) => translated(yaml.join(''), 'cluster').get(name);
const options = (...yaml: readonly string[]) =>
  cluster(...yaml).typed_extension_protocol_options['envoy.extensions.upstreams.http.v3.HttpProtocolOptions'];

describe('a cluster', () => {
  it('has a retry budget beside its other limits', () => {
    const [threshold] = cluster(
      till(),
      rule(
        '{retryBudget: {percent: 12.5, minRetryConcurrency: 7, budgetInterval: 5s}, connectionPool: {tcp: {maxConnections: 9}}}',
      ),
    ).circuit_breakers.thresholds;
    expect(threshold).toMatchObject({
      max_connections: 9,
      retry_budget: { budget_percent: { value: 12.5 }, min_retry_concurrency: 7, budget_interval: '5s' },
    });
    expect(cluster(till()).circuit_breakers.thresholds[0].retry_budget).toBeUndefined();
  });

  it('probes idle HTTP/2 connections', () => {
    const policy = rule('{connectionPool: {http: {http2KeepAlive: {interval: 30s, timeout: 500ms}}}}');
    expect(options(till(), policy).explicit_http_config.http2_protocol_options).toEqual({
      connection_keepalive: { interval: '30s', timeout: '0.5s' },
    });
  });

  it('checks certificates against a list of revocations', () => {
    const context = cluster(till(), rule('{tls: {mode: SIMPLE, caCertificates: /ca.pem, caCrl: /crl.pem}}'))
      .transport_socket.typed_config.common_tls_context;
    expect(context.combined_validation_context.default_validation_context).toEqual({ crl: { filename: '/crl.pem' } });
  });

  it('has the default policy of the mesh for what no DestinationRule says', () => {
    const mesh = config(
      '{defaultTrafficPolicy: {connectionPool: {tcp: {maxConnections: 3}}, outlierDetection: {consecutive5xxErrors: 4}}}',
    );
    const plain = cluster(till(), mesh);
    expect(plain.circuit_breakers.thresholds[0].max_connections).toBe(3);
    expect(plain.outlier_detection.consecutive_5xx).toBe(4);
    const own = cluster(till(), mesh, rule('{connectionPool: {tcp: {maxConnections: 8}}}'));
    expect(own.circuit_breakers.thresholds[0].max_connections).toBe(8);
    expect(own.outlier_detection.consecutive_5xx).toBe(4);
  });
});

describe('ServiceEntries without exportTo', () => {
  const entry = `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: parts, namespace: yard}
spec: {hosts: [parts.example], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: yard, labels: {team: out}}
`;
  const rules = (rest: string): string =>
    config(
      `{serviceEntryVisibility: {defaultVisibility: PUBLIC, policies: [{visibility: NAMESPACE, matchingRules: [{namespaceSelector: {matchLabels: {team: out}}}]}]${rest}}}`,
    );
  const seen = (mesh: string, namespace: string) =>
    translated(entry + mesh, 'cluster', { namespace }).has('outbound|80||parts.example');

  it('are seen as the rules of the mesh say about their namespace', () => {
    expect(seen(rules(', applyToSidecars: true'), 'yard')).toBe(true);
    expect(seen(rules(', applyToSidecars: true'), 'garden')).toBe(false);
  });

  it('are seen everywhere as long as the rules are not for sidecars', () => {
    expect(seen(rules(''), 'garden')).toBe(true);
  });
});

describe('endpoints', () => {
  const slice = `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: till, namespace: garden, labels: {kubernetes.io/service-name: till}}
addressType: IPv4
ports: [{name: http2, port: 8080}]
endpoints:
- {addresses: [10.2.0.2], nodeName: near, conditions: {ready: true}}
- {addresses: [10.2.0.3], nodeName: far, conditions: {ready: true}}
`;
  const priorities = (preference: string) =>
    translated(till(`, annotations: {networking.istio.io/traffic-distribution: ${preference}}`) + slice, 'endpoint', {
      metadata: { NODE_NAME: 'near' },
    })
      .get(name)
      .endpoints.map(({ priority = 0 }: { priority?: number }) => priority);

  it('of the own node go first where the Service prefers that', () => {
    expect(priorities('PreferSameNode')).toEqual([0, 1]);
    expect(priorities('PreferClose')).toEqual([0]);
  });

  it('of a host with several addresses count once for each of them', () => {
    const entry = `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: parts, namespace: garden}
spec: {hosts: [parts.example], addresses: [192.0.2.1, 192.0.2.2], resolution: STATIC, endpoints: [{address: 192.0.2.7}], ports: [{number: 80, name: tcp, protocol: TCP}]}
`;
    expect(assigned(translated(entry, 'endpoint').get('outbound|80||parts.example'))).toEqual([
      ['192.0.2.7:80 1', '192.0.2.7:80 1'],
    ]);
  });

  it('have no mutual TLS where a DestinationRule asks for another kind', () => {
    const secured = `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: parts, namespace: garden}
spec: {hosts: [parts.garden.svc.cluster.local], location: MESH_INTERNAL, resolution: STATIC, endpoints: [{address: 192.0.2.7, serviceAccount: parts}], ports: [{number: 80, name: tcp, protocol: TCP}]}
`;
    const disabled = rule('{tls: {mode: DISABLE}}').replaceAll('till', 'parts');
    const parts = 'outbound|80||parts.garden.svc.cluster.local';
    expect(assigned(translated(secured, 'endpoint').get(parts))).toEqual([['192.0.2.7:80 1 mtls']]);
    expect(assigned(translated(secured + disabled, 'endpoint').get(parts))).toEqual([['192.0.2.7:80 1']]);
  });
});
