// A Sidecar object says what an application may reach; who takes the proxy's own logs and spans, authorizes its requests or
// counts them is reached all the same, as an Envoy refuses a listener that names a cluster which it does not know.
import { expect, test } from 'vitest';

import { translated } from '../../support/objects/translated.ts';

const service = (name: string, annotations = ''): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: tools${annotations} }
spec: { clusterIP: 10.1.0.7, ports: [{ name: grpc, port: 4317 }] }
`;
const mesh = `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
    extensionProviders:
      - { name: spans, zipkin: { service: spans.tools.svc.cluster.local, port: 4317 } }
      - { name: lines, envoyOtelAls: { service: lines.tools.svc.cluster.local, port: 4317 } }
      - { name: checks, envoyExtAuthzGrpc: { service: checks.tools.svc.cluster.local, port: 4317 } }
`;
const policies = `
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: all, namespace: shop }
spec: { tracing: [{ providers: [{ name: spans }] }], accessLogging: [{ providers: [{ name: lines }] }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: checks, namespace: shop }
spec: { action: CUSTOM, provider: { name: checks }, rules: [{}] }
---
apiVersion: policy.keelson.io/v1alpha1
kind: RateLimitPolicy
metadata: { name: quotas, namespace: shop }
spec: { global: { domain: shop, service: quotas.tools.svc.cluster.local, port: 4317, descriptors: [{ entries: [{ key: a, value: b }] }] } }
---
apiVersion: policy.keelson.io/v1alpha1
kind: ExternalProcessor
metadata: { name: scan, namespace: shop }
spec: { service: scan.tools.svc.cluster.local, port: 4317 }
`;
const narrow = `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: shop }
spec: { egress: [{ hosts: [./*] }] }
`;
const hidden = ', annotations: { networking.istio.io/exportTo: . }';
const shop = { name: 'shop-1', namespace: 'shop' };
const tools = ['spans', 'lines', 'checks', 'quotas', 'scan', 'others'];

/** Which of the tools' clusters the proxy of the shop has. */
function reached(...objects: readonly string[]): readonly string[] {
  const clusters = translated([mesh, ...objects].join('---\n'), 'cluster', shop);
  return tools.filter((name) => clusters.has(`outbound|4317||${name}.tools.svc.cluster.local`));
}

test('a proxy reaches who works for it, though its Sidecar object lets nothing through', () => {
  const services = tools.map((name) => service(name));
  expect(reached(...services, narrow)).toEqual([]);
  expect(reached(...services, narrow, policies)).toEqual(['spans', 'lines', 'checks', 'quotas', 'scan']);
});

test('and though they are exported to nobody', () => {
  const services = tools.map((name) => service(name, hidden));
  expect(reached(...services)).toEqual([]);
  expect(reached(...services, policies)).toEqual(['spans', 'lines', 'checks', 'quotas', 'scan']);
});

test('its applications reach them no more than before', () => {
  const text = [mesh, ...tools.map((name) => service(name)), narrow, policies].join('---\n');
  expect([...translated(text, 'listener', shop).keys()].filter((name) => name.includes('4317'))).toEqual([]);
});
