// Ports that several services want: the losers are told.
import { describe, expect, it } from 'vitest';

import { conflictsOf } from '../../support/objects/translated.ts';

const entry = (name: string, protocol: string, created: string): string => `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: garden, creationTimestamp: "2025-01-0${created}T00:00:00Z"}
spec: {hosts: [${name}.example], resolution: DNS, ports: [{number: 5000, name: port, protocol: ${protocol}}]}
`;

describe('hosts without an address on one port', () => {
  it.each([
    ['TCP', 'TCP', ['port-conflict ServiceEntry garden/b spec.ports[0]']],
    ['MONGO', 'HTTP', ['port-conflict ServiceEntry garden/b spec.ports[0]']],
    ['TLS', 'TLS', []],
    ['HTTP', 'HTTP', []],
    ['TCP', 'HTTP', []],
  ])('%s and then %s', (first, second, expected) => {
    expect(conflictsOf(entry('a', first, '1') + entry('b', second, '2'))).toEqual(expected);
  });

  it('the newer one loses', () => {
    expect(conflictsOf(entry('a', 'TCP', '2') + entry('b', 'TCP', '1'))).toEqual([
      'port-conflict ServiceEntry garden/a spec.ports[0]',
    ]);
  });
});

describe('services that lead to one port of a workload', () => {
  const service = (name: string, port: string, created: string): string => `---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: garden, creationTimestamp: "2025-01-0${created}T00:00:00Z"}
spec: {clusterIP: 10.1.0.${created}, selector: {}, ports: [{name: ${port}, port: ${created}00, targetPort: 8080}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}, namespace: garden, labels: {kubernetes.io/service-name: ${name}}}
addressType: IPv4
ports: [{name: ${port}, port: 8080}]
endpoints: [{addresses: [10.2.0.1], conditions: {ready: true}}]
`;

  it('and say different things about what it speaks', () => {
    expect(conflictsOf(service('old', 'http', '1') + service('new', 'tcp', '2'))).toEqual([
      'port-conflict Service garden/new spec.ports[0]',
    ]);
  });

  it('and agree', () => {
    expect(conflictsOf(service('old', 'http', '1') + service('new', 'http-b', '2'))).toEqual([]);
  });
});
