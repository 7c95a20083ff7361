// Objects that are read and checked but change nothing yet: their authors have to know.
import { memo } from '../../model/memo.ts';
import type { Problem } from '../../model/problem.ts';
import type { AnyObject, Kind } from '../../model/schema/index.ts';
import type { SnapshotObjects } from '../../model/snapshot.ts';

const kinds: readonly Kind[] = ['EnvoyFilter', 'Gateway', 'ProxyConfig', 'Telemetry', 'TrafficExtension', 'WasmPlugin'];

/** A warning for every object of a kind that has no translation. */
export const withoutEffect = (objects: SnapshotObjects): readonly Problem[] =>
  kinds.flatMap((kind) => warnings(objects[kind] as ReadonlyMap<string, AnyObject>));

const warnings = memo((objects: ReadonlyMap<string, AnyObject>): readonly Problem[] =>
  [...objects.values()].map(({ kind, source, position }) => ({
    code: 'no-effect',
    severity: 'warning',
    message: `${kind} objects are checked but have no effect yet`,
    source,
    ...(position !== undefined && { position }),
  })),
);
