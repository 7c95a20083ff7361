// Ingresses as the values that Istio's own APIs become, and their statuses.
// https://istio.io/latest/docs/tasks/traffic-management/ingress/kubernetes-ingress/
import type { Gateway } from '../../../model/mesh/gateway.ts';
import { memo, sharedList } from '../../../model/memo.ts';
import type { MeshSettings, Service } from '../../../model/mesh/mesh.ts';
import type { KindMap } from '../../../model/schema/index.ts';
import type { SnapshotObjects } from '../../../model/snapshot.ts';
import type { ObjectStatus } from '../../../model/status.ts';
import type { VirtualService } from '../../../model/mesh/virtual-service.ts';
import { byObjectAge } from '../order.ts';
import { isOurs } from './ingress-class.ts';
import { ingressGateway } from './ingress-gateway.ts';
import { ingressRoutes, namedPorts } from './ingress-routes.ts';
import { ingressStatuses } from './ingress-status.ts';

export interface Ingresses {
  readonly gateways: readonly Gateway[];
  readonly virtualServices: readonly VirtualService[];
  statuses(): readonly ObjectStatus[];
}

/** `services` are all of the mesh; `seen` says which namespaces count. */
export function ingresses(
  settings: MeshSettings,
  objects: SnapshotObjects,
  services: readonly Service[],
  seen: (namespace: string) => boolean,
): Ingresses {
  const ours = served(settings, objects.Ingress, objects.IngressClass, seen);
  return {
    gateways: sharedList(ours.map((ingress) => ingressGateway(settings, ingress))),
    virtualServices: sharedList(ingressRoutes(settings, ours, namedPorts(services))),
    statuses: () => ingressStatuses(settings, ours, objects),
  };
}

/** Ours, the oldest first. */
const served = memo(
  (
    settings: MeshSettings,
    objects: SnapshotObjects['Ingress'],
    classes: SnapshotObjects['IngressClass'],
    seen: (namespace: string) => boolean,
  ): readonly KindMap['Ingress'][] =>
    sharedList(
      [...objects.values()]
        .filter((ingress) => seen(ingress.metadata.namespace) && isOurs(settings, ingress, classes))
        .toSorted(byObjectAge),
    ),
);
