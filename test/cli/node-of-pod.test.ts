import type { KindMap } from '../../src/model/schema/index.ts';
import type { Snapshot } from '../../src/model/snapshot.ts';

import { describe, expect, test } from 'vitest';

import { nodeOfPod } from '../../src/cli/mesh/node-of-pod.ts';
import { emptySnapshot } from '../../src/model/snapshot.ts';

type Pod = KindMap['Pod'];
interface PodParts {
  readonly metadata?: Partial<Pod['metadata']>;
  readonly spec?: Pod['spec'];
  readonly status?: Pod['status'];
}

const source = (kind: string) => ({ kind, namespace: 'harbour', name: 'crane-7' });

function makePod({ metadata = {}, spec = {}, status = { podIP: '10.1.0.7' } }: PodParts): Pod {
  const base = { name: 'crane-7', namespace: 'harbour', labels: {}, annotations: {}, creationTimestamp: '' };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...base, ...metadata }, spec, status, source: source('Pod') };
}

const withObjects = (objects: Partial<Snapshot['objects']>): Snapshot => ({
  ...emptySnapshot,
  objects: { ...emptySnapshot.objects, ...objects },
});

const makeNamed = (kind: 'Node' | 'Namespace', name: string, labels: Readonly<Record<string, string>>) => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, namespace: '', labels, annotations: {}, creationTimestamp: '' },
  source: { kind, namespace: '', name },
  spec: {},
  status: {},
});

describe('nodeOfPod', () => {
  test('is a router where the Pod is a gateway', () => {
    const id = (templates: string) =>
      nodeOfPod(makePod({ metadata: { annotations: { 'inject.istio.io/templates': templates } } }), emptySnapshot)?.id;
    expect(id('own, gateway')).toBe('router~10.1.0.7~crane-7.harbour~harbour.svc.cluster.local');
    expect(id('sidecar')).toBe('sidecar~10.1.0.7~crane-7.harbour~harbour.svc.cluster.local');
  });

  test('says who the proxy is, as an injected sidecar would', () => {
    const pod = makePod({
      metadata: { labels: { app: 'crane', version: 'v2' } },
      spec: { serviceAccountName: 'lifter', nodeName: 'quay' },
      status: { podIP: '10.1.0.7', podIPs: [{ ip: '10.1.0.7' }, { ip: 'fd00::7' }] },
    });
    expect(nodeOfPod(pod, emptySnapshot)).toEqual({
      id: 'sidecar~10.1.0.7~crane-7.harbour~harbour.svc.cluster.local',
      cluster: 'crane.harbour',
      metadata: {
        NAME: 'crane-7',
        NAMESPACE: 'harbour',
        LABELS: { app: 'crane', version: 'v2' },
        SERVICE_ACCOUNT: 'lifter',
        WORKLOAD_NAME: 'crane-7',
        INSTANCE_IPS: '10.1.0.7,fd00::7',
        CLUSTER_ID: 'Kubernetes',
        MESH_ID: 'cluster.local',
        STDOUT_STREAM: 'true',
        INTERCEPTION_MODE: 'REDIRECT',
        NODE_NAME: 'quay',
      },
    });
  });

  test('a Pod without an address has no node', () => {
    expect(nodeOfPod(makePod({ status: {} }), emptySnapshot)).toBeUndefined();
  });

  test('the service account is `default` unless the Pod says otherwise', () => {
    expect(nodeOfPod(makePod({}), emptySnapshot)?.metadata['SERVICE_ACCOUNT']).toBe('default');
  });

  test('the workload is the Deployment behind the ReplicaSet', () => {
    const pod = makePod({
      metadata: {
        name: 'crane-5c8f-x2',
        generateName: 'crane-5c8f-',
        labels: { 'pod-template-hash': '5c8f' },
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'crane-5c8f', controller: true }],
      },
    });
    const node = nodeOfPod(pod, emptySnapshot);
    expect(node?.metadata['WORKLOAD_NAME']).toBe('crane');
    expect(node?.cluster).toBe('crane.harbour');
  });

  test('annotations choose the interception mode and add metadata', () => {
    const annotations = {
      'sidecar.istio.io/interceptionMode': 'NONE',
      'proxy.istio.io/config': 'proxyMetadata:\n  ISTIO_META_DNS_CAPTURE: "true"\n  OTHER: x\n',
    };
    const metadata = nodeOfPod(makePod({ metadata: { annotations } }), emptySnapshot)?.metadata;
    expect(metadata).toMatchObject({ INTERCEPTION_MODE: 'NONE', DNS_CAPTURE: 'true' });
    expect(metadata).not.toHaveProperty('OTHER');
  });

  test.each(['{ not: yaml', '- a\n- b', '&a [*a, *a]', '7'])(
    'an unreadable proxy configuration adds nothing: %s',
    (text) => {
      const annotations = { 'proxy.istio.io/config': text };
      expect(nodeOfPod(makePod({ metadata: { annotations } }), emptySnapshot)).toEqual(
        nodeOfPod(makePod({}), emptySnapshot),
      );
    },
  );

  test('the place is that of the Node, the network that of the Namespace', () => {
    const labels = { 'topology.kubernetes.io/region': 'north', 'topology.kubernetes.io/zone': 'north-2' };
    const snapshot = withObjects({
      Node: new Map([['/quay', makeNamed('Node', 'quay', labels) as KindMap['Node']]]),
      Namespace: new Map([
        ['/harbour', makeNamed('Namespace', 'harbour', { 'topology.istio.io/network': 'sea' }) as KindMap['Namespace']],
      ]),
    });
    const node = nodeOfPod(makePod({ spec: { nodeName: 'quay' } }), snapshot);
    expect(node?.locality).toEqual({ region: 'north', zone: 'north-2' });
    expect(node?.metadata['NETWORK']).toBe('sea');
  });
});
