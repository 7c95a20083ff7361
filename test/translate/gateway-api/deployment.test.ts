// What is deployed for a Gateway.
import { describe, expect, test } from 'vitest';

import type { DeploymentPlan } from '../../../src/translate/resolve/gateway-api/deployment/plan.ts';
import { deploymentPlan } from '../../../src/translate/resolve/gateway-api/deployment/plan.ts';
import { gatewayApi } from '../../../src/translate/resolve/gateway-api/gateway-api.ts';
import { makeSettings } from '../../support/objects/make.ts';
import { snapshotOf } from '../../support/objects/snapshot.ts';

function plan(yaml: string): DeploymentPlan | undefined {
  const { objects } = snapshotOf(yaml);
  const [result] = gatewayApi(makeSettings(), objects, [], () => true).results;
  return result === undefined ? undefined : deploymentPlan(result, objects.ConfigMap, 'mesh-system');
}

const gateway = (spec: string, metadata = ''): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: quay, namespace: harbor, uid: u-1${metadata}}
spec: {gatewayClassName: istio, ${spec}}
`;
const listeners = 'listeners: [{name: web, port: 80, protocol: HTTP}, {name: safe, port: 443, protocol: HTTPS}, {name: other, port: 80, protocol: HTTP, hostname: a.b}]'; // prettier-ignore

const find = (made: DeploymentPlan | undefined, kind: string) => made?.objects.find((object) => object.kind === kind);

describe('what is deployed for a Gateway', () => {
  test('is called like it and its class, and goes with it', () => {
    const made = plan(gateway(listeners));
    expect(made?.objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`)).toEqual([
      'ServiceAccount harbor/quay-istio',
      'Deployment harbor/quay-istio',
      'Service harbor/quay-istio',
    ]);
    for (const { metadata } of made?.objects ?? [])
      expect(metadata).toMatchObject({
        labels: { 'gateway.networking.k8s.io/gateway-name': 'quay' },
        ownerReferences: [{ kind: 'Gateway', name: 'quay', uid: 'u-1' }],
      });
  });

  test('has a port for each that a listener has', () => {
    const { ports } = find(plan(gateway(listeners)), 'Service')?.spec ?? {};
    expect(ports).toEqual([
      { name: 'status-port', port: 15021, protocol: 'TCP', appProtocol: 'tcp' },
      { name: 'web', port: 80, protocol: 'TCP', appProtocol: 'http' },
      { name: 'safe', port: 443, protocol: 'TCP', appProtocol: 'https' },
    ]);
  });

  test('is proxies that injection fills in, behind the Service', () => {
    const made = plan(gateway(listeners));
    const template = find(made, 'Deployment')?.spec?.['template'] as { metadata: { labels: object } };
    expect(template).toMatchObject({
      metadata: {
        labels: { 'sidecar.istio.io/inject': 'true' },
        annotations: { 'inject.istio.io/templates': 'gateway' },
      },
      spec: {
        serviceAccountName: 'quay-istio',
        containers: [{ name: 'istio-proxy', image: 'auto', imagePullPolicy: 'IfNotPresent' }],
      },
    });
    expect(template.metadata.labels).toMatchObject(find(made, 'Service')?.spec?.['selector'] as object);
  });

  test('has the names, labels and annotations that were asked for', () => {
    const names =
      ', annotations: {gateway.istio.io/name-override: pier, gateway.istio.io/service-account: dock, own: x}';
    const made = plan(gateway(`${listeners}, infrastructure: {labels: {tier: edge}}`, names));
    expect(made?.objects.map(({ metadata }) => metadata.name)).toEqual(['dock', 'pier', 'pier']);
    for (const { metadata } of made?.objects ?? []) {
      expect(metadata.labels).toMatchObject({ tier: 'edge' });
      expect(metadata.annotations).toEqual({ own: 'x' });
    }
  });

  test('has what ConfigMaps lay over it, the class first', () => {
    const overlay = (name: string, namespace: string, labels: string, data: string): string => `---
apiVersion: v1
kind: ConfigMap
metadata: {name: ${name}, namespace: ${namespace}, labels: ${labels}}
data: {${data}}
`;
    const made = plan(
      gateway(`${listeners}, infrastructure: {parametersRef: {group: '', kind: ConfigMap, name: own}}`) +
        overlay('own', 'harbor', '{}', "horizontalPodAutoscaler: 'spec: {maxReplicas: 3}'") +
        overlay(
          'all',
          'mesh-system',
          '{gateway.istio.io/defaults-for-class: istio}',
          "service: 'spec: {type: NodePort}'",
        ),
    );
    expect(made?.overlays).toEqual([
      { service: 'spec: {type: NodePort}' },
      { horizontalPodAutoscaler: 'spec: {maxReplicas: 3}' },
    ]);
    expect(find(made, 'HorizontalPodAutoscaler')?.spec).toMatchObject({ scaleTargetRef: { name: 'quay-istio' } });
    expect(find(made, 'PodDisruptionBudget')).toBeUndefined();
  });

  test('is nothing for one that runs elsewhere', () => {
    expect(plan(gateway(`${listeners}, addresses: [{type: Hostname, value: gate}]`))).toBeUndefined();
    expect(
      plan(gateway(listeners).replace('gatewayClassName: istio', 'gatewayClassName: istio-remote')),
    ).toBeUndefined();
  });
});
