// The environment variables of a Pod's proxy as the configuration sets them: for the whole mesh, by ProxyConfig objects of the
// mesh, of the namespace and of the workload, and by the Pod's own annotation, which only the workload's object overrides.
// https://istio.io/latest/docs/reference/config/networking/proxy-config/
import { proxyConfigLayers } from '../../model/mesh/proxy-config.ts';
import type { KindMap } from '../../model/schema/index.ts';
import type { Snapshot } from '../../model/snapshot.ts';

import { defaultInstallation } from '../../translate/resolve/settings/mesh-settings.ts';

type Environment = Readonly<Record<string, unknown>>;

/** `own` are the variables of the Pod's annotation. */
export function proxyEnvironment({ metadata }: KindMap['Pod'], { objects }: Snapshot, own: Environment): Environment {
  const { systemNamespace } = defaultInstallation;
  const mesh = objects.ConfigMap.get(`${systemNamespace}/istio`)?.meshConfig;
  const layers = proxyConfigLayers(objects.ProxyConfig.values(), metadata, mesh?.rootNamespace ?? systemNamespace);
  return {
    ...mesh?.defaultConfig?.proxyMetadata,
    ...layers.mesh?.environmentVariables,
    ...layers.namespace?.environmentVariables,
    ...own,
    ...layers.workload?.environmentVariables,
  };
}
