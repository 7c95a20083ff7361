// Who may use ServiceEntries that do not say it themselves: by rules of the mesh about the namespaces they are in.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig
import { memo, sharedValue } from '../../../model/memo.ts';
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { KindMap, ServiceEntryVisibility } from '../../../model/schema/index.ts';
import { matchesSelector } from '../../../model/mesh/labels.ts';

type Level = NonNullable<ServiceEntryVisibility['defaultVisibility']>;

/** The `exportTo` of a namespace's entries; undefined: everywhere. */
export type ExportDefaults = (namespace: string) => readonly string[] | undefined;

const exportTo: Readonly<Record<Level, readonly string[] | undefined>> = {
  NONE: sharedValue(['~']),
  NAMESPACE: sharedValue(['.']),
  PUBLIC: sharedValue(['*']),
  VISIBILITY_UNSPECIFIED: undefined,
};

/** The first rule that a namespace fits, else the general one; for sidecars only where the mesh says so. */
export const serviceEntryExports = (
  settings: MeshSettings,
  namespaces: ReadonlyMap<string, KindMap['Namespace']>,
): ExportDefaults =>
  settings.serviceEntryVisibility?.applyToSidecars === true ? byNamespace(settings, namespaces) : asServices(settings);

const asServices = memo(
  ({ defaultServiceExportTo }: MeshSettings): ExportDefaults =>
    () =>
      defaultServiceExportTo,
);

const byNamespace = memo(
  (settings: MeshSettings, namespaces: ReadonlyMap<string, KindMap['Namespace']>): ExportDefaults => {
    const { policies = [], defaultVisibility } = settings.serviceEntryVisibility ?? {};
    return (namespace) => {
      const labels = namespaces.get(`/${namespace}`)?.metadata.labels ?? {};
      const rule = policies.find(({ matchingRules }) =>
        matchingRules?.some(({ namespaceSelector }) => matchesSelector(namespaceSelector ?? {}, labels)),
      );
      return (
        exportTo[rule?.visibility ?? defaultVisibility ?? 'VISIBILITY_UNSPECIFIED'] ?? settings.defaultServiceExportTo
      );
    };
  },
);
