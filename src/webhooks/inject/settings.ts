// What injection is told about the installation and the cluster; none of it depends on the Pod.
import type { BootstrapPatch } from '../../model/envoy/bootstrap-patch.ts';
import type { Proxy } from '../../model/proxy/proxy.ts';
import type { MeshConfigSpec, KindMap } from '../../model/schema/index.ts';
import type { InjectorConfig } from './injector-config.ts';
import type { StringMap } from './pod/pod.ts';

/** A machine of the cluster: how old its kubelet is decides what a Pod on it may be. */
export interface ClusterNode {
  readonly name: string;
  /** `v1.34.2+k3s1` */
  readonly kubeletVersion: string;
}

export interface InjectionSettings {
  readonly revision: string;
  readonly systemNamespace: string;
  readonly clusterDomain: string;
  /** Of the cluster whose nodes these are. */
  readonly clusterId: string;
  readonly mesh: MeshConfigSpec;
  readonly proxyConfigs: readonly KindMap['ProxyConfig'][];
  readonly injector: InjectorConfig;
  /** What Pods run when nobody asks for something else. */
  readonly images: InjectionImages;
  /** auto: where the nodes can. */
  readonly nativeSidecars: 'auto' | 'always' | 'never';
  readonly nodes: readonly ClusterNode[];
  /** What EnvoyFilters change in the bootstrap of a proxy, in order. */
  readonly bootstrapPatches: (proxy: StartingProxy) => readonly BootstrapPatch[];
}

/** What is known of a proxy before it runs. */
export type StartingProxy = Pick<Proxy, 'namespace' | 'labels' | 'metadata'>;

export interface InjectionImages {
  /** A stock Envoy. */
  readonly envoy: string;
  /** The image of this program, for the init container. */
  readonly keelson: string;
}

/** One Pod's injection beside the Pod itself. */
export interface InjectionPlace {
  readonly namespace: string;
  readonly namespaceLabels: StringMap;
  /** From the webhook's address: which cluster and network it is called from. */
  readonly cluster?: string;
  readonly network?: string;
  /** Who asks the proxy to drain must present it: not to be guessed. */
  readonly drainToken: string;
}

/** Kubelets from here on keep sidecar containers as such in every respect. */
const nativeSince = { major: 1, minor: 33 };

/** Whether a sidecar can be one of Kubernetes' own: by the Pod's node if it is known, else by all of them. */
export function nodesHaveSidecars(nodes: readonly ClusterNode[], nodeName: string | undefined): boolean {
  const own = nodes.filter(({ name }) => name === nodeName);
  const relevant = own.length > 0 ? own : nodes;
  return relevant.length > 0 && relevant.every(({ kubeletVersion }) => isNative(kubeletVersion));
}

function isNative(version: string): boolean {
  const match = /^v?(\d{1,4})\.(\d{1,4})/.exec(version);
  const [major, minor] = [Number(match?.[1] ?? 0), Number(match?.[2] ?? 0)];
  return major > nativeSince.major || (major === nativeSince.major && minor >= nativeSince.minor);
}
