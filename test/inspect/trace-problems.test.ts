// What a trace says is wrong, where nothing in the configuration that it met has a name: rules of HTTP on a port of bytes.
import { expect, test } from 'vitest';

import { filesReader } from '../../src/cli/mesh/mesh-reader.ts';
import { arrives, tracedRequest } from '../../src/inspect/traced-request.ts';
import { snapshotOf } from '../support/objects/snapshot.ts';

const pod = (name: string, address: string): string => `
---
apiVersion: v1
kind: Pod
metadata: { name: ${name}-1, namespace: shop, labels: { app: ${name}, security.istio.io/tlsMode: istio } }
spec: { serviceAccountName: ${name}, containers: [{ name: app }] }
status: { podIP: ${address}, conditions: [{ type: Ready, status: 'True' }] }
`;

const mesh = (rule: string): string => `
apiVersion: v1
kind: Service
metadata: { name: db, namespace: shop }
spec: { clusterIP: 10.1.0.2, selector: { app: db }, ports: [{ name: tcp, port: 3306 }] }
${pod('db', '10.2.0.2')}${pod('web', '10.2.0.3')}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: db-1, namespace: shop, labels: { kubernetes.io/service-name: db } }
addressType: IPv4
ports: [{ name: tcp, port: 3306 }]
endpoints: [{ addresses: [10.2.0.2], targetRef: { kind: Pod, name: db-1, namespace: shop } }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: readers, namespace: shop }
spec: { selector: { matchLabels: { app: db } }, action: ALLOW, rules: [${rule}] }
`;

const traced = (rule: string) => {
  const asked = { from: 'web-1.shop', method: 'GET', url: 'tcp://db:3306', headers: [], claims: [] };
  return tracedRequest(filesReader(snapshotOf(mesh(rule))), asked);
};

test('rules of HTTP on a port of bytes: the policy is named, and that none of its rules counts there', async () => {
  const hop = await traced('{ to: [{ operation: { methods: [GET] } }] }');
  expect(arrives(hop)).toBe(false);
  const found = hop.problems.filter(({ source }) => source?.name === 'readers').map(({ code }) => code);
  expect(found.toSorted()).toEqual(['denied-by-policy', 'http-field-on-tcp']);
  const denied = hop.problems.find(({ code }) => code === 'denied-by-policy');
  expect(denied?.source).toMatchObject({ kind: 'AuthorizationPolicy', name: 'readers', path: 'spec.rules' });
  expect(denied?.message).toContain('none of its rules counts there');
});

test('rules for somebody else: whom one of them would have to let in', async () => {
  const hop = await traced('{ from: [{ source: { principals: [cluster.local/ns/shop/sa/teller] } }] }');
  expect(arrives(hop)).toBe(false);
  expect(hop.problems.map(({ message }) => message).join()).toContain(
    'add "cluster.local/ns/shop/sa/web" to the principals',
  );
});
