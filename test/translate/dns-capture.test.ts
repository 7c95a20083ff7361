import { describe, expect, it } from 'vitest';

import { withAutoAddresses } from '../../src/translate/resolve/service-entry/auto-addresses.ts';
import { makeExternalService } from '../support/objects/make.ts';
import { translated } from '../support/objects/translated.ts';

const input = `---
apiVersion: v1
kind: Service
metadata: {name: till, namespace: garden}
spec: {clusterIP: 10.1.0.2, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: till, namespace: orchard}
spec: {clusterIP: 10.1.0.3, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: seeds, namespace: garden}
spec: {clusterIP: None, ports: [{name: tcp, port: 5432}]}
---
apiVersion: v1
kind: Service
metadata: {name: counter, namespace: garden}
spec: {type: ExternalName, externalName: till.garden.svc.cluster.local}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: seeds, namespace: garden, labels: {kubernetes.io/service-name: seeds}}
addressType: IPv4
ports: [{name: tcp, port: 5432}]
endpoints:
- {addresses: [10.2.0.6], hostname: seeds-1, conditions: {ready: true}}
- {addresses: [10.2.0.5], hostname: seeds-0, conditions: {ready: true}}
- {addresses: [10.2.0.7], hostname: seeds-2, conditions: {ready: false}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: parts, namespace: garden}
spec: {hosts: [db.parts.example, "*.wild.example"], addresses: [192.0.2.7], resolution: STATIC, ports: [{number: 443, name: tls, protocol: TLS}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: other, namespace: garden}
spec: {hosts: [auto.parts.example], resolution: DNS, ports: [{number: 5432, name: tcp, protocol: TCP}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: block, namespace: garden}
spec: {hosts: [block.example], addresses: [192.0.2.0/24], resolution: NONE, ports: [{number: 5433, name: tcp, protocol: TCP}]}
`;

const capturing = { metadata: { DNS_CAPTURE: 'true' } };
const filter = (metadata: Readonly<Record<string, unknown>> = {}) =>
  translated(input, 'listener', { metadata: { DNS_CAPTURE: 'true', ...metadata } }).get('keelson.dns')
    .listener_filters[0].typed_config;

function answers(): Readonly<Record<string, readonly string[]>> {
  const { virtual_domains: domains } = filter().server_config.inline_dns_table;
  return Object.fromEntries(
    domains.map(({ name, endpoint }: { name: string; endpoint: { address_list: { address: string[] } } }) => [
      name,
      endpoint.address_list.address,
    ]),
  );
}

describe('a proxy that captures DNS answers', () => {
  it('for services by all the names that the workload may use, aliases included', () => {
    const own = ['till', 'till.garden', 'till.garden.svc', 'till.garden.svc.cluster.local', 'counter'];
    expect(own.map((name) => answers()[name])).toEqual(own.map(() => ['10.1.0.2']));
    expect(answers()['till.orchard']).toEqual(['10.1.0.3']);
  });

  it('for headless services with their ready endpoints, and for each of those by its own name', () => {
    expect(answers()['seeds']).toEqual(['10.2.0.5', '10.2.0.6']);
    expect(answers()['seeds-1.seeds.garden.svc.cluster.local']).toEqual(['10.2.0.6']);
    expect(answers()['seeds-2.seeds']).toBeUndefined();
  });

  it('for hosts outside of Kubernetes, wildcards included', () => {
    expect(answers()['db.parts.example']).toEqual(['192.0.2.7']);
    expect(answers()['*.wild.example']).toEqual(['192.0.2.7']);
  });

  it('for hosts without an address, which then have a listener of their own', () => {
    const [address = ''] = answers()['auto.parts.example'] ?? [];
    expect(address).toMatch(/^240\.240\.\d+\.\d+$/);
    expect([...translated(input, 'listener', capturing).keys()]).toContain(`${address}_5432`);
  });

  it('not with a block of addresses', () => {
    expect(answers()['block.example']).toBeUndefined();
  });

  it('and asks the resolvers of its environment for the rest', () => {
    expect(filter().client_config.typed_dns_resolver_config.typed_config.resolvers).toBeUndefined();
    expect(
      filter({ DNS_RESOLVERS: '10.96.0.10' }).client_config.typed_dns_resolver_config.typed_config.resolvers,
    ).toEqual([{ socket_address: { protocol: 'UDP', address: '10.96.0.10', port_value: 53 } }]);
  });
});

it('other proxies have no such listener', () => {
  expect([...translated(input, 'listener').keys()]).not.toContain('keelson.dns');
});

describe('addresses for hosts without any', () => {
  const hosts = ['a.example', 'b.example', 'c.example'].map((host) => makeExternalService(host));
  const addresses = (services = hosts) =>
    Object.fromEntries(withAutoAddresses(services).map((service) => [service.hostname, service.autoAddresses]));

  it('follow from the name, in whatever order hosts come and whoever else is there', () => {
    expect(addresses(hosts.toReversed())).toEqual(addresses());
    expect(addresses(hosts.slice(0, 1))['a.example']).toEqual(addresses()['a.example']);
    expect(new Set(Object.values(addresses()).flat()).size).toBe(6);
  });

  it('make way for those that the cluster allocated', () => {
    const [taken = ''] = addresses()['a.example'] ?? [];
    const other = makeExternalService('other.example', { autoAddresses: [taken] });
    const now = addresses([...hosts, other]);
    expect(now['other.example']).toEqual([taken]);
    expect(now['a.example']).not.toContain(taken);
  });

  it('are not for hosts with an address, wildcards, callers who choose, or entries that do not want one', () => {
    const none = [
      makeExternalService('vip.example', { addresses: ['192.0.2.1'] }),
      makeExternalService('*.example'),
      makeExternalService('any.example', { resolution: 'passthrough' }),
      makeExternalService('off.example', { labels: { 'networking.istio.io/enable-autoallocate-ip': 'false' } }),
    ];
    expect(Object.values(addresses(none)).flat()).toEqual([]);
  });
});
