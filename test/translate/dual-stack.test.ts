// Workloads with addresses of both families: what they listen on, whom they reach at which address, and how they are reached.
import { describe, expect, it } from 'vitest';

import type { Asking } from '../support/objects/translated.ts';
import { translated } from '../support/objects/translated.ts';

const services = `---
apiVersion: v1
kind: Service
metadata: {name: jam, namespace: garden}
spec:
  clusterIP: 10.1.0.1
  clusterIPs: [10.1.0.1, 'fd01::1']
  selector: {app: jam}
  ports: [{name: http, port: 80}, {name: tcp-raw, port: 7000}]
---
apiVersion: v1
kind: Pod
metadata: {name: jam-1, namespace: garden, labels: {app: jam}}
spec: {containers: [{name: app, image: example/jam}]}
status: {podIP: 10.2.0.5, podIPs: [{ip: 10.2.0.5}, {ip: 'fd02::5'}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: far, namespace: garden}
spec:
  hosts: [far.example]
  location: MESH_EXTERNAL
  resolution: DNS
  ports: [{number: 443, name: tls, protocol: TLS}]
${['IPv4', 'IPv6']
  .map(
    (family) => `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: jam-${family.toLowerCase()}, namespace: garden, labels: {kubernetes.io/service-name: jam}}
addressType: ${family}
ports: [{name: http, port: 8080, protocol: TCP}, {name: tcp-raw, port: 7000, protocol: TCP}]
endpoints: [{addresses: ['${family === 'IPv4' ? '10.2.0.5' : 'fd02::5'}'], conditions: {ready: true}, targetRef: {kind: Pod, name: jam-1}}]
`,
  )
  .join('')}`;

const both: Asking = { metadata: { INSTANCE_IPS: '10.2.0.1,fd02::1' } };
const onlySix: Asking = { address: 'fd02::1', metadata: { INSTANCE_IPS: 'fd02::1' } };
const dual: Asking = { ...both, features: { dualStack: true } };

const boundTo = (name: string, asking: Asking): readonly string[] => {
  const { address, additional_addresses: others = [] } = translated(services, 'listener', asking).get(name) ?? {};
  return [address, ...others.map((other: { address: unknown }) => other.address)].map(
    (one) => one?.socket_address.address,
  );
};
const domains = (asking: Asking): readonly string[] =>
  translated(services, 'route', asking)
    .get('80')
    .virtual_hosts.find(({ name }: { name: string }) => name.startsWith('jam.'))
    .domains.filter((domain: string) => /^[[\d]/.test(domain));
const endpoints = (asking: Asking): readonly (readonly string[])[] =>
  translated(services, 'endpoint', asking)
    .get('outbound|7000||jam.garden.svc.cluster.local')
    .endpoints[0].lb_endpoints.map(({ endpoint }: { endpoint: { address: unknown; additional_addresses?: [] } }) =>
      [endpoint.address, ...(endpoint.additional_addresses ?? []).map(({ address }) => address)].map(
        (one) => (one as { socket_address: { address: string } }).socket_address.address,
      ),
    );
const lookup = (asking: Asking): unknown =>
  translated(services, 'cluster', asking).get('outbound|443||far.example').dns_lookup_family;
const source = (asking: Asking): unknown =>
  translated(services, 'cluster', asking).get('InboundPassthroughCluster').upstream_bind_config;

describe('with ISTIO_DUAL_STACK', () => {
  it('listens on addresses of both families', () => {
    expect(boundTo('virtualOutbound', dual)).toEqual(['0.0.0.0', '::']);
    expect(boundTo('virtualInbound', dual)).toEqual(['0.0.0.0', '::']);
    expect(boundTo('10.1.0.1_7000', dual)).toEqual(['10.1.0.1', 'fd01::1']);
  });

  it('knows a Service by all its addresses, and a Pod as one endpoint', () => {
    expect(domains(dual)).toEqual(['10.1.0.1', '[fd01::1]']);
    expect(endpoints(dual)).toEqual([['10.2.0.5', 'fd02::5']]);
    expect(lookup(dual)).toBe('ALL');
  });
});

describe('without it', () => {
  it('uses the family that a Service names first', () => {
    expect(boundTo('virtualOutbound', both)).toEqual(['0.0.0.0']);
    expect(boundTo('10.1.0.1_7000', both)).toEqual(['10.1.0.1']);
    expect(domains(both)).toEqual(['10.1.0.1']);
    expect(endpoints(both)).toEqual([['10.2.0.5'], ['fd02::5']]);
    expect(lookup(both)).toBe('V4_ONLY');
  });

  it('uses the family that a workload has', () => {
    expect(boundTo('fd01::1_7000', onlySix)).toEqual(['fd01::1']);
    expect(domains(onlySix)).toEqual(['[fd01::1]']);
    expect(lookup(onlySix)).toBe('V6_ONLY');
  });
});

it('lets connections to unknown ports pass to the workload in both families, always', () => {
  const six = { extra_source_addresses: [{ address: { address: '::6', port_value: 0 } }] };
  const four = { source_address: { address: '127.0.0.6', port_value: 0 } };
  expect(source(both)).toEqual({ ...four, ...six });
  expect(source({})).toEqual(four);
  expect(source(onlySix)).toEqual({ source_address: { address: '::6', port_value: 0 } });
});
