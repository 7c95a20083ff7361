// Which Telemetry objects hold for a workload: the mesh's, its namespace's, and those that select it or name its Gateway; at
// waypoints also those that name the service that is asked for.
// https://istio.io/latest/docs/tasks/observability/telemetry/#scope-inheritance-and-overrides
import { memo, sharedList } from '../../../model/memo.ts';
import type { Service } from '../../../model/mesh/mesh.ts';
import type { Proxy } from '../../../model/proxy/proxy.ts';
import type { KindMap } from '../../../model/schema/index.ts';
import { byObjectAge } from '../order.ts';
import { targetedBy, targetsOf, targetsService } from '../scope/policy-target.ts';

export type Telemetry = KindMap['Telemetry'];
type Objects = ReadonlyMap<string, Telemetry>;
type Workload = Pick<Proxy, 'type' | 'namespace' | 'labels'>;

/** From the farthest to the nearest: what comes later decides. */
export const telemetriesFor = memo(
  (objects: Objects, rootNamespace: string, workload: Workload, served: Service | undefined): readonly Telemetry[] => {
    const byNamespace = grouped(objects);
    const own = byNamespace.get(workload.namespace) ?? [];
    const levels = [
      byNamespace.get(rootNamespace)?.find(isForAll),
      workload.namespace === rootNamespace ? undefined : own.find(isForAll),
      ...own.filter(
        (telemetry) =>
          !isForAll(telemetry) &&
          (targetedBy(telemetry, workload, rootNamespace) ||
            (served !== undefined && targetsService(telemetry, served))),
      ),
    ];
    return sharedList(levels.filter((telemetry) => telemetry !== undefined));
  },
);

/** Oldest first: of several for a whole namespace the oldest counts. */
const grouped = memo((objects: Objects): ReadonlyMap<string, readonly Telemetry[]> =>
  Map.groupBy([...objects.values()].toSorted(byObjectAge), ({ metadata }) => metadata.namespace),
);

const isForAll = (telemetry: Telemetry): boolean =>
  Object.keys(telemetry.spec.selector?.matchLabels ?? {}).length === 0 && targetsOf(telemetry.spec).length === 0;
