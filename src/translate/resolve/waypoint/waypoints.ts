// Which waypoint is in front of a service or a workload: the one that its own label names, else that of its namespace, if
// that one takes this kind of traffic and objects of this namespace.
// https://istio.io/latest/docs/ambient/usage/waypoint/
import { matchesSelector } from '../../../model/mesh/labels.ts';
import { memo } from '../../../model/memo.ts';
import type { Service } from '../../../model/mesh/mesh.ts';
import type { ObjectMeta } from '../../../model/object.ts';
import { objectKey } from '../../../model/object.ts';
import type { KindMap } from '../../../model/schema/index.ts';
import type { GatewayResult } from '../gateway-api/listeners/gateways.ts';

export interface Waypoint {
  readonly namespace: string;
  readonly name: string;
  /** The label `istio.io/waypoint-for`: what is led through it. */
  readonly takes: string;
  readonly acceptsNamespace: (namespace: string) => boolean;
}

export interface Waypoints {
  byName(namespace: string, name: string): Waypoint | undefined;
  ofService(service: Pick<Service, 'namespace' | 'labels'>): Waypoint | undefined;
  ofWorkload(workload: Pick<ObjectMeta, 'namespace' | 'labels'>): Waypoint | undefined;
}

type Namespaces = ReadonlyMap<string, KindMap['Namespace']>;
type Labels = Readonly<Record<string, string>>;

const traffic = 'istio.io/waypoint-for';
const tunnelPort = 15008;

export const resolveWaypoints = memo(
  (
    gateways: readonly GatewayResult[],
    classes: ReadonlyMap<string, KindMap['GatewayClass']>,
    namespaces: Namespaces,
  ): Waypoints => {
    const all = new Map(
      gateways
        .filter(({ gatewayClass }) => gatewayClass.kind === 'waypoint')
        .map(({ object }) => [objectKey(object.metadata.namespace, object.metadata.name), waypoint(object, classes, namespaces)]), // prettier-ignore
    );
    const used = ({ namespace, labels }: Pick<ObjectMeta, 'namespace' | 'labels'>): Waypoint | undefined => {
      // What runs a waypoint is behind none itself.
      if (labels['gateway.istio.io/managed'] === 'istio.io-mesh-controller') return undefined;
      const name = usedWaypoint(labels, namespace) ?? usedWaypoint(labelsOf(namespaces, namespace), namespace);
      const found = name === undefined ? undefined : all.get(name);
      return found?.acceptsNamespace(namespace) === true ? found : undefined;
    };
    return {
      byName: (namespace, name) => all.get(objectKey(namespace, name)),
      ofService: (service) => taking(used(service), 'service'),
      ofWorkload: (workload) => taking(used(workload), 'workload'),
    };
  },
);

/** `none` is nobody's key: it takes the place of what the namespace says. */
function usedWaypoint(labels: Labels, namespace: string): string | undefined {
  const name = labels['istio.io/use-waypoint'];
  if (name === undefined || name === 'none') return name;
  return objectKey(labels['istio.io/use-waypoint-namespace'] ?? namespace, name);
}

const taking = (found: Waypoint | undefined, kind: 'service' | 'workload'): Waypoint | undefined =>
  found?.takes === kind || found?.takes === 'all' ? found : undefined;

function waypoint(
  { metadata, spec }: KindMap['KubernetesGateway'],
  classes: ReadonlyMap<string, KindMap['GatewayClass']>,
  namespaces: Namespaces,
): Waypoint {
  const { namespace, name, labels } = metadata;
  const ofClass = classes.get(objectKey('', spec.gatewayClassName))?.metadata.labels[traffic];
  const tunnels = spec.listeners?.find(({ protocol, port }) => protocol === 'HBONE' && port === tunnelPort);
  const { from = 'Same', selector } = tunnels?.allowedRoutes?.namespaces ?? {};
  return {
    namespace,
    name,
    takes: labels[traffic] ?? ofClass ?? 'service',
    acceptsNamespace: (other) =>
      from === 'All' ||
      (from === 'Selector'
        ? selector !== undefined && matchesSelector(selector, labelsOf(namespaces, other))
        : other === namespace),
  };
}

/** An API server gives every namespace its name for a label. */
const labelsOf = (namespaces: Namespaces, name: string): Labels => ({
  ...namespaces.get(objectKey('', name))?.metadata.labels,
  'kubernetes.io/metadata.name': name,
});
