// Who has the last word about a proxy's environment variables.
import { describe, expect, test } from 'vitest';

import { nodeOfPod } from '../../src/cli/mesh/node-of-pod.ts';
import { objectKey } from '../../src/model/object.ts';
import { snapshotOf } from '../support/objects/snapshot.ts';

const pod = (annotations = '{}'): string => `---
apiVersion: v1
kind: Pod
metadata: {name: crane-7, namespace: harbour, labels: {app: crane}, annotations: ${annotations}}
spec: {containers: [{name: app}]}
status: {podIP: 10.1.0.7}
`;
const mesh = (config: string): string => `---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: 'defaultConfig: ${config}'}
`;
const proxyConfig = (namespace: string, value: string, selector = '', created = '2025-01-01T00:00:00Z'): string => `---
apiVersion: networking.istio.io/v1beta1
kind: ProxyConfig
metadata: {name: of-${value}, namespace: ${namespace}, creationTimestamp: "${created}"}
spec: {environmentVariables: {ISTIO_META_TIER: ${value}, OTHER: x}${selector}}
`;

function metadata(yaml: string) {
  const snapshot = snapshotOf(yaml);
  const found = snapshot.objects.Pod.get(objectKey('harbour', 'crane-7'));
  return found === undefined ? undefined : nodeOfPod(found, snapshot)?.metadata;
}

const layers = [
  mesh('{proxyMetadata: {ISTIO_META_TIER: default}}'),
  proxyConfig('istio-system', 'mesh'),
  proxyConfig('harbour', 'namespace'),
  proxyConfig('harbour', 'workload', ', selector: {matchLabels: {app: crane}}'),
];

describe('a variable is taken from what is nearest to the Pod', () => {
  test.each([
    [1, 'default'],
    [2, 'mesh'],
    [3, 'namespace'],
    [4, 'workload'],
  ])('of the first %i: %s', (count, expected) => {
    const found = metadata(pod() + layers.slice(0, count).join(''));
    expect(found?.['TIER']).toBe(expected);
    expect(found).not.toHaveProperty('OTHER');
  });

  test('the annotation before all but the object for the workload', () => {
    const annotations = "{proxy.istio.io/config: '{proxyMetadata: {ISTIO_META_TIER: own}}'}";
    expect(metadata(pod(annotations) + layers.slice(0, 3).join(''))?.['TIER']).toBe('own');
    expect(metadata(pod(annotations) + layers.join(''))?.['TIER']).toBe('workload');
  });

  test('the older of two objects', () => {
    const newer = proxyConfig('harbour', 'newer', '', '2025-02-01T00:00:00Z');
    expect(metadata(pod() + newer + layers[2])?.['TIER']).toBe('namespace');
  });
});

test('objects of other namespaces and for other workloads have no say', () => {
  const others = [
    proxyConfig('quay', 'elsewhere'),
    proxyConfig('harbour', 'others', ', selector: {matchLabels: {app: boat}}'),
    proxyConfig('istio-system', 'selecting', ', selector: {matchLabels: {app: crane}}'),
  ];
  expect(metadata(pod() + others.join(''))).not.toHaveProperty('TIER');
});

test('the mesh can choose how proxies intercept', () => {
  expect(metadata(pod() + mesh('{interceptionMode: TPROXY}'))?.['INTERCEPTION_MODE']).toBe('TPROXY');
  const annotations = '{sidecar.istio.io/interceptionMode: NONE}';
  expect(metadata(pod(annotations) + mesh('{interceptionMode: TPROXY}'))?.['INTERCEPTION_MODE']).toBe('NONE');
});
