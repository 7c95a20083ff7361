// What one proxy sees: services through its Sidecar object, its own ports, and what is shared between proxies.
import { describe, expect, it } from 'vitest';

import type { NodeInfo } from '../../src/model/envoy/resource.ts';
import type { ProxyView } from '../../src/model/view.ts';
import { defaultInstallation } from '../../src/translate/resolve/settings/mesh-settings.ts';
import { resolveMesh } from '../../src/translate/resolve/mesh.ts';
import { outboundView } from '../../src/translate/view/outbound.ts';
import { proxyView } from '../../src/translate/view/proxy-view.ts';
import { proxyOf } from '../../src/translate/view/proxy.ts';
import { snapshotOf } from '../support/objects/snapshot.ts';

const service = (namespace: string, name: string, ports: string, extra = ''): string => `---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: ${namespace}${extra}}
spec: {clusterIP: 10.0.0.1, selector: {app: ${name}}, ports: ${ports}}
`;

const pod = (namespace: string, name: string, labels: string): string => `---
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: ${namespace}, labels: ${labels}}
spec: {serviceAccountName: ${name}, containers: [{name: app, ports: [{name: web, containerPort: 8888}]}]}
status: {podIP: 10.1.0.1}
`;

const sidecar = (namespace: string, name: string, spec: string): string => `---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: ${name}, namespace: ${namespace}}
spec: ${spec}
`;

const nodeOf = (
  namespace: string,
  name: string,
  labels: Readonly<Record<string, string>>,
  more: Readonly<Record<string, unknown>> = {},
): NodeInfo => ({
  id: `sidecar~10.1.0.1~${name}.${namespace}~${namespace}.svc.cluster.local`,
  cluster: name,
  metadata: { NAMESPACE: namespace, LABELS: labels, ...more },
});

function view(yaml: string, node: NodeInfo): Pick<ProxyView, 'outbound' | 'inbound'> {
  const resolved = resolveMesh(defaultInstallation, snapshotOf(yaml));
  const seen = proxyView(resolved, defaultInstallation, node);
  if (seen === undefined) throw new Error('not a proxy');
  return seen;
}

const web = nodeOf('shop', 'web', { app: 'web' });
const http = '[{name: http, port: 80, targetPort: web}]';
const hostsSeen = (yaml: string, node = web): readonly string[] =>
  view(yaml, node).outbound.services.map(({ service: { hostname } }) => hostname);

describe('the services in sight', () => {
  const services = service('shop', 'web', http) + service('shop', 'cart', http) + service('bank', 'pay', http);

  it('are all those exported to the namespace', () => {
    expect(hostsSeen(services)).toEqual([
      'cart.shop.svc.cluster.local',
      'pay.bank.svc.cluster.local',
      'web.shop.svc.cluster.local',
    ]);
    const hidden = service('bank', 'pay', http, ', annotations: {networking.istio.io/exportTo: "."}');
    expect(hostsSeen(service('shop', 'web', http) + hidden)).toEqual(['web.shop.svc.cluster.local']);
  });

  it('are what the Sidecar object lets through, ./ being the own namespace', () => {
    expect(hostsSeen(services + sidecar('shop', 'default', '{egress: [{hosts: [./*]}]}'))).toEqual([
      'cart.shop.svc.cluster.local',
      'web.shop.svc.cluster.local',
    ]);
    expect(
      hostsSeen(services + sidecar('shop', 'default', '{egress: [{hosts: [bank/pay.bank.svc.cluster.local]}]}')),
    ).toEqual(['pay.bank.svc.cluster.local']);
    expect(hostsSeen(services + sidecar('shop', 'default', '{egress: [{hosts: ["~/*"]}]}'))).toEqual([]);
  });

  it('under a Sidecar that selects the workload before that of the namespace, before that of the mesh', () => {
    const all = services + sidecar('istio-system', 'mesh', '{egress: [{hosts: [bank/*]}]}');
    expect(hostsSeen(all)).toEqual(['pay.bank.svc.cluster.local']);
    const own = all + sidecar('shop', 'default', '{egress: [{hosts: [./*]}]}');
    expect(hostsSeen(own)).toEqual(['cart.shop.svc.cluster.local', 'web.shop.svc.cluster.local']);
    const selected =
      own +
      sidecar(
        'shop',
        'web',
        '{workloadSelector: {labels: {app: web}}, egress: [{hosts: [./cart.shop.svc.cluster.local]}]}',
      );
    expect(hostsSeen(selected)).toEqual(['cart.shop.svc.cluster.local']);
    expect(hostsSeen(selected, nodeOf('shop', 'other', { app: 'other' }))).toHaveLength(2);
  });

  it('through a listener with a port have that port only', () => {
    const two = service('shop', 'web', '[{name: http, port: 80}, {name: http-admin, port: 81}]');
    const { outbound } = view(
      two + sidecar('shop', 'default', '{egress: [{port: {number: 81, protocol: HTTP, name: a}, hosts: [./*]}]}'),
      web,
    );
    expect(outbound.services.map(({ service: { ports } }) => ports.map(({ number }) => number))).toEqual([[81]]);
  });

  it('leave out namespaces that discoverySelectors do not select', () => {
    const mesh = `---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "discoverySelectors: [{matchLabels: {mesh: 'yes'}}]"}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {mesh: 'yes'}}
---
apiVersion: v1
kind: Namespace
metadata: {name: bank}
`;
    expect(hostsSeen(services + mesh)).toEqual(['cart.shop.svc.cluster.local', 'web.shop.svc.cluster.local']);
  });

  it('are one and the same value for all proxies that see the same', () => {
    const snapshot = snapshotOf(services);
    const resolved = resolveMesh(defaultInstallation, snapshot);
    const [a, b, c] = [web, nodeOf('shop', 'cart', { app: 'cart' }), nodeOf('bank', 'pay', { app: 'pay' })].map(
      (node) => {
        const proxy = proxyOf(node, defaultInstallation, resolved.pods, resolved.machines);
        return proxy === undefined ? undefined : outboundView(resolved, proxy);
      },
    );
    expect(a).toBe(b);
    expect(a).not.toBe(c);
    expect(a?.services[0]).toBe(c?.services[0]);
  });
});

describe('the ports of a workload', () => {
  it('are the target ports of the services that select it; names are looked up in the Pod', () => {
    const { inbound } = view(service('shop', 'web', http) + pod('shop', 'web', '{app: web}'), web);
    expect(inbound.ports.map(({ targetPort, servicePort }) => [targetPort, servicePort.number])).toEqual([[8888, 80]]);
  });

  it('belong to the oldest service, and ascend', () => {
    const old = service(
      'shop',
      'zebra',
      '[{name: tcp, port: 7, targetPort: 90}]',
      ', creationTimestamp: "2020-01-01T00:00:00Z"',
    ).replace('app: zebra', 'app: web');
    const young = service(
      'shop',
      'apple',
      '[{name: http, port: 8, targetPort: 90}, {name: http2, port: 9, targetPort: 80}]',
      ', creationTimestamp: "2021-01-01T00:00:00Z"',
    ).replace('app: apple', 'app: web');
    const { inbound } = view(young + old, web);
    expect(
      inbound.ports.map(({ targetPort, service: winner, servicePort }) => [
        targetPort,
        winner?.name,
        servicePort.protocol,
      ]),
    ).toEqual([
      [80, 'apple', 'HTTP2'],
      [90, 'zebra', 'TCP'],
    ]);
  });

  it('are what the Sidecar object lists instead, if it lists any', () => {
    const spec =
      '{workloadSelector: {labels: {app: web}}, ingress: [{port: {number: 9080, protocol: HTTP, name: a}, defaultEndpoint: "127.0.0.1:8080"}]}';
    const { inbound } = view(service('shop', 'web', http) + sidecar('shop', 'web', spec), web);
    expect(inbound.ports.map(({ targetPort, ingress }) => [targetPort, ingress?.defaultEndpoint])).toEqual([
      [9080, '127.0.0.1:8080'],
    ]);
  });

  it('are none of the services’ where nothing is intercepted', () => {
    expect(
      view(service('shop', 'web', http), nodeOf('shop', 'web', { app: 'web' }, { INTERCEPTION_MODE: 'NONE' })).inbound
        .ports,
    ).toEqual([]);
  });
});

describe('a node', () => {
  it('that does not name a proxy is none', () => {
    const resolved = resolveMesh(defaultInstallation, snapshotOf(''));
    for (const id of ['', 'envoy', 'sidecar~1.2.3.4', 'ztunnel~1.2.3.4~a.b~b.svc.cluster.local']) {
      expect(
        proxyOf({ id, cluster: '', metadata: {} }, defaultInstallation, resolved.pods, resolved.machines),
      ).toBeUndefined();
    }
  });
});
