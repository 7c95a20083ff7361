// The settings of injection as the cluster's objects have them now: the mesh's and the injector's ConfigMaps, ProxyConfig
// objects and the nodes.
// https://istio.io/latest/docs/ops/configuration/mesh/injection-concepts/
import type { BootstrapPatch } from '../../model/envoy/bootstrap-patch.ts';
import { memo } from '../../model/memo.ts';
import type { KindMap } from '../../model/schema/index.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { InjectionSource } from './handler.ts';
import type { ReadInjectorConfig } from './injector-config.ts';
import { builtInTemplates, readInjectorConfig } from './injector-config.ts';
import type { StringMap } from './pod/pod.ts';
import type { InjectionSettings, StartingProxy } from './settings.ts';

export interface Installed extends Pick<
  InjectionSettings,
  'revision' | 'systemNamespace' | 'clusterDomain' | 'clusterId' | 'images' | 'nativeSidecars'
> {
  /** Of the EnvoyFilters those that are for a proxy. */
  readonly patchesOf: (
    filters: Objects['EnvoyFilter'],
    proxy: StartingProxy,
    rootNamespace: string,
  ) => readonly BootstrapPatch[];
}

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
  const { patchesOf, ...constant } = installed;
  const mesh = configMap(objects, installed, 'istio')?.meshConfig ?? {};
  const rootNamespace = mesh.rootNamespace ?? installed.systemNamespace;
  return {
    ...constant,
    mesh,
    proxyConfigs: [...objects.ProxyConfig.values()],
    injector: injectorConfig(objects, installed).config,
    nodes: nodes(objects.Node),
    bootstrapPatches: (proxy) => patchesOf(objects.EnvoyFilter, proxy, rootNamespace),
  };
}

/** What there is to know of the injector for who wonders about a Pod. */
export function injectionReport(installed: Installed, { objects }: Snapshot): object {
  const { revision, images, nativeSidecars } = installed;
  const { config, faults } = injectorConfig(objects, installed);
  const { values, ...policy } = config;
  return { revision, images, nativeSidecars, builtInTemplates, ...policy, values: values.object(''), faults };
}

/** What stands for a ConfigMap that is not there. */
const absent: { readonly data: StringMap } = { data: {} };

const injectorConfig = (objects: Objects, installed: Named): ReadInjectorConfig =>
  readOnce(configMap(objects, installed, 'istio-sidecar-injector') ?? absent);

const readOnce = memo((found: { readonly data: StringMap }) => readInjectorConfig(found.data));

const nodes = memo((all: Objects['Node']) =>
  [...all.values()].map(({ metadata, status }) => ({
    name: metadata.name,
    kubeletVersion: status.nodeInfo?.kubeletVersion ?? '',
  })),
);

type Named = Pick<Installed, 'revision' | 'systemNamespace'>;

/** A revision's own, named after it; the default one's has no suffix. */
function configMap({ ConfigMap }: Objects, { revision, systemNamespace }: Named, name: string): ConfigMap | undefined {
  const suffix = revision === 'default' || revision === '' ? '' : `-${revision}`;
  return ConfigMap.get(`${systemNamespace}/${name}${suffix}`);
}
