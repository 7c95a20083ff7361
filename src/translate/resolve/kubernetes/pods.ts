// Pods by name, address and namespace, and the Node each runs on.
import { memo } from '../../../model/memo.ts';
import { objectKey } from '../../../model/object.ts';
import type { ServicePort } from '../../../model/mesh/mesh.ts';
import { podAddresses } from '../../../model/mesh/pod.ts';
import { isDatagram } from '../../../model/mesh/service-port.ts';
import type { KindMap } from '../../../model/schema/index.ts';

type Pod = KindMap['Pod'];
type Node = KindMap['Node'];

export interface PodIndex {
  byName(namespace: string, name: string): Pod | undefined;
  /** Pods on the host's network share its address and so are not found by it. */
  byAddress(address: string): Pod | undefined;
  inNamespace(namespace: string): readonly Pod[];
  all(): Iterable<Pod>;
  nodeOf(pod: Pod | undefined): Node | undefined;
}

export const indexPods = memo((pods: ReadonlyMap<string, Pod>, nodes: ReadonlyMap<string, Node>): PodIndex => {
  const addresses = new Map<string, Pod>();
  for (const pod of pods.values()) {
    if (pod.spec?.hostNetwork === true) continue;
    for (const address of podAddresses(pod)) addresses.set(address, pod);
  }
  const namespaces = Map.groupBy(pods.values(), (pod) => pod.metadata.namespace);
  return {
    byName: (namespace, name) => pods.get(objectKey(namespace, name)),
    byAddress: (address) => addresses.get(address),
    inNamespace: (namespace) => namespaces.get(namespace) ?? [],
    all: () => pods.values(),
    nodeOf: (pod) => (pod?.spec?.nodeName === undefined ? undefined : nodes.get(objectKey('', pod.spec.nodeName))),
  };
});

/** The number in this Pod of what a service port leads to; a name is looked up among its containers' ports. */
export function targetPortOf(pod: Pod | undefined, servicePort: ServicePort): number | undefined {
  const target = servicePort.targetPort ?? servicePort.number;
  if (typeof target === 'number') return target;
  const ports = (pod?.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  const isSent = isDatagram(servicePort);
  return ports.find(({ name, protocol = 'TCP' }) => name === target && isDatagram({ protocol }) === isSent)
    ?.containerPort;
}
