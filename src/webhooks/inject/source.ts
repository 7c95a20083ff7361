// The settings of injection as the cluster's objects have them now: the mesh's and the injector's ConfigMaps, ProxyConfig
// objects and the nodes.
// https://istio.io/latest/docs/ops/configuration/mesh/injection-concepts/
import { memo } from '../../model/memo.ts';
import type { KindMap } from '../../model/schema/index.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { InjectionSource } from './handler.ts';
import { readInjectorConfig } from './injector-config.ts';
import type { StringMap } from './pod/pod.ts';
import type { InjectionSettings } from './settings.ts';

export interface Installed extends Pick<
  InjectionSettings,
  'revision' | 'systemNamespace' | 'clusterDomain' | 'clusterId' | 'images' | 'nativeSidecars'
> {}

type ConfigMap = KindMap['ConfigMap'];
type Objects = Snapshot['objects'];

/** Reads `snapshot` at every Pod, and works out again only what changed. */
export function injectionSource(
  installed: Installed,
  snapshot: () => Snapshot,
  more: Pick<InjectionSource, 'newToken' | 'onDecision'>,
): InjectionSource {
  return {
    ...more,
    settings: () => injectionSettings(installed, snapshot()),
    namespaceLabels: (namespace) => snapshot().objects.Namespace.get(`/${namespace}`)?.metadata.labels ?? {},
  };
}

export function injectionSettings(installed: Installed, { objects }: Snapshot): InjectionSettings {
  return {
    ...installed,
    mesh: configMap(objects, installed, 'istio')?.meshConfig ?? {},
    proxyConfigs: [...objects.ProxyConfig.values()],
    injector: injector(configMap(objects, installed, 'istio-sidecar-injector') ?? absent),
    nodes: nodes(objects.Node),
  };
}

/** What stands for a ConfigMap that is not there. */
const absent: { readonly data: StringMap } = { data: {} };

const injector = memo((found: { readonly data: StringMap }) => readInjectorConfig(found.data).config);

const nodes = memo((all: Objects['Node']) =>
  [...all.values()].map(({ metadata, status }) => ({
    name: metadata.name,
    kubeletVersion: status.nodeInfo?.kubeletVersion ?? '',
  })),
);

/** A revision's own, named after it; the default one's has no suffix. */
function configMap(
  { ConfigMap }: Objects,
  { revision, systemNamespace }: Installed,
  name: string,
): ConfigMap | undefined {
  const suffix = revision === 'default' || revision === '' ? '' : `-${revision}`;
  return ConfigMap.get(`${systemNamespace}/${name}${suffix}`);
}
