// Objects that are read and checked but change nothing yet: their authors have to know.
import { memo } from '../../model/memo.ts';
import type { MeshSettings } from '../../model/mesh/mesh.ts';
import type { Problem } from '../../model/problem.ts';
import type { SnapshotObjects } from '../../model/snapshot.ts';
import { at } from '../../model/source.ts';
import type { BindingFacts } from './waypoint/policy-status.ts';
import { unboundTargets } from './waypoint/unbound-targets.ts';

/** A warning for whatever is out of reach. */
export const withoutEffect = (
  settings: MeshSettings,
  objects: SnapshotObjects,
  waypoints: BindingFacts['waypoints'],
): readonly Problem[] => [
  ...unboundTargets({ rootNamespace: settings.rootNamespace, objects, waypoints }),
  ...ingressTlsWithoutEffect(settings, objects.Sidecar),
];

/** TLS of a Sidecar's own needs a switch of the control plane. */
const ingressTlsWithoutEffect = (settings: MeshSettings, sidecars: SnapshotObjects['Sidecar']) =>
  settings.features.tlsOnSidecarIngress ? [] : ingressTls(sidecars);

const ingressTls = memo((sidecars: SnapshotObjects['Sidecar']): readonly Problem[] =>
  [...sidecars.values()].flatMap(({ spec, source, position }) =>
    (spec.ingress ?? []).flatMap(({ tls }, i) =>
      tls === undefined
        ? []
        : {
            code: 'unsupported-field',
            severity: 'warning' as const,
            message:
              'tls is not supported unless ENABLE_TLS_ON_SIDECAR_INGRESS is set for the control plane: the port takes what callers of the mesh send',
            source: at(source, `spec.ingress[${i}].tls`),
            ...(position !== undefined && { position }),
          },
    ),
  ),
);
