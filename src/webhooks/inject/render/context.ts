// Everything that decides how the proxy of one Pod is set up, gathered once from annotations, settings and values, in this
// order of precedence.
// https://istio.io/latest/docs/reference/config/annotations/
import { networkLabel } from '../../../model/mesh/labels.ts';
import { proxyConfigLayers } from '../../../model/mesh/proxy-config.ts';
import type { WorkloadOwner } from '../../../model/mesh/workload-owner.ts';
import { workloadName, workloadOwner } from '../../../model/mesh/workload-owner.ts';
import { truthOf } from '../pod/annotations.ts';
import type { InjectorValues } from '../injector-config.ts';
import type { Container, Pod, StringMap } from '../pod/pod.ts';
import { annotationsOf, labelsOf } from '../pod/pod.ts';
import type { EffectiveProxyConfig } from '../proxy-config.ts';
import { configAnnotation, effectiveProxyConfig, readProxyConfig } from '../proxy-config.ts';
import type { InjectionPlace, InjectionSettings } from '../settings.ts';
import { nodesHaveSidecars } from '../settings.ts';

export type InterceptionMode = 'REDIRECT' | 'TPROXY' | 'NONE';

export interface Context {
  readonly pod: Pod;
  readonly settings: InjectionSettings;
  readonly values: InjectorValues;
  readonly place: InjectionPlace;
  readonly labels: StringMap;
  readonly annotations: StringMap;
  readonly config: EffectiveProxyConfig;
  readonly owner: WorkloadOwner;
  readonly workload: string;
  /** The proxy is a sidecar of Kubernetes' own kind: it starts before the containers and ends after them. */
  readonly native: boolean;
  /** The application waits for the proxy. */
  readonly hold: boolean;
  readonly mode: InterceptionMode;
  /** 0: none. */
  readonly statusPort: number;
  readonly rewritesProbes: boolean;
  /** The node's CNI plugin writes the rules. */
  readonly cni: boolean;
  readonly network: string | undefined;
  readonly cluster: string;
  /** What the Pod itself says about the container of the proxy. */
  readonly ownProxy: Container | undefined;
}

export const proxyName = 'istio-proxy';

/** Expects annotations that were found good. */
export function contextOf(pod: Pod, settings: InjectionSettings, place: InjectionPlace): Context {
  const { mesh, injector, systemNamespace } = settings;
  const { values } = injector;
  const labels = labelsOf(pod);
  const annotations = annotationsOf(pod);
  const layers = proxyConfigLayers(
    settings.proxyConfigs,
    { namespace: place.namespace, labels },
    mesh.rootNamespace ?? systemNamespace,
  );
  const config = effectiveProxyConfig(
    mesh.defaultConfig,
    layers,
    readProxyConfig(annotations[configAnnotation] ?? '').config,
  );
  const statusPort = statusPortOf(annotations, values, config);
  const metadata = { ...pod.metadata, labels };
  return {
    pod,
    settings,
    values,
    place,
    labels,
    annotations,
    config,
    owner: workloadOwner(metadata),
    workload: workloadName(metadata),
    native: isNative(pod, settings, place),
    hold: config.holdApplicationUntilProxyStarts ?? values.flag('global.proxy.holdApplicationUntilProxyStarts') ?? true,
    mode: modeOf(annotations, config),
    statusPort,
    rewritesProbes:
      statusPort > 0 &&
      (truthOf(annotations, 'sidecar.istio.io/rewriteAppHTTPProbers') ??
        values.flag('sidecarInjectorWebhook.rewriteAppHTTPProbe') ??
        true),
    cni: values.flag('pilot.cni.enabled') ?? values.flag('istio_cni.enabled') ?? false,
    network:
      labels[networkLabel] ?? place.network ?? place.namespaceLabels[networkLabel] ?? values.text('global.network'),
    cluster: place.cluster ?? values.text('global.multiCluster.clusterName') ?? settings.clusterId,
    ownProxy: [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(({ name }) => name === proxyName),
  };
}

function isNative(pod: Pod, { nativeSidecars, nodes, clusterId }: InjectionSettings, place: InjectionPlace): boolean {
  const own = truthOf(annotationsOf(pod), 'sidecar.istio.io/nativeSidecar');
  if (own !== undefined) return own;
  if (nativeSidecars !== 'auto') return nativeSidecars === 'always';
  // Of other clusters' nodes nothing is known.
  const isHere = place.cluster === undefined || place.cluster === clusterId;
  return isHere && nodesHaveSidecars(nodes, pod.spec.nodeName);
}

function modeOf(annotations: StringMap, { interceptionMode }: EffectiveProxyConfig): InterceptionMode {
  const own = annotations['sidecar.istio.io/interceptionMode'];
  const mode = own ?? interceptionMode;
  return mode === 'TPROXY' || mode === 'NONE' ? mode : 'REDIRECT';
}

function statusPortOf(annotations: StringMap, values: InjectorValues, config: EffectiveProxyConfig): number {
  const own = annotations['status.sidecar.istio.io/port'];
  if (own !== undefined) return Number(own);
  return config.statusPort === 15020 ? (values.number('global.proxy.statusPort') ?? 15020) : config.statusPort;
}

/** Those of the application. */
export const appContainers = ({ pod }: Context): readonly Container[] =>
  pod.spec.containers.filter(({ name }) => name !== proxyName);

/** User and group of the proxy, which the redirection rules tell from the application by these. */
export function proxyIdentity({ ownProxy }: Context): { readonly uid: number; readonly gid: number } {
  const id = (field: string): number | undefined => {
    const value = ownProxy?.securityContext?.[field];
    return typeof value === 'number' ? value : undefined;
  };
  const uid = id('runAsUser') ?? 1337;
  return { uid, gid: id('runAsGroup') ?? 1337 };
}
