// All that the HTTP interface needs of the rest of the daemon: questions that can be asked at any time.
import type { DecodedConfiguration } from '../model/envoy/decoded.ts';
import type { CertificateHolder } from '../model/proxy/certificate-holder.ts';
import type { WorkloadIdentity } from '../model/proxy/identity.ts';
import type { Mesh } from '../model/mesh/mesh.ts';
import type { Problem } from '../model/problem.ts';
import type { ProxyStatus } from '../model/proxy/proxy-status.ts';
import type { Push } from '../model/proxy/push.ts';
import type { RejectedResource, ReplicaQuestion } from '../model/proxy/replica.ts';
import type { PatchPlaces } from '../model/envoy/patch-places.ts';
import type { NodeInfo, TypeUrl } from '../model/envoy/resource.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { SourceRef } from '../model/source.ts';
import type { ProxyView } from '../model/view.ts';

/** As istioctl reads it. */
export interface VersionInfo {
  readonly version: string;
  readonly revision: string;
  readonly golang_version: string;
  readonly status: string;
  readonly tag: string;
}

/** What is known of the proxies of all replicas. */
export interface Everywhere {
  readonly plane: ControlPlane;
  /** Replicas that are alive and did not answer: their proxies are missing. */
  readonly unheard: readonly string[];
}

/** A Kubernetes cluster that objects come from. */
export interface ClusterState {
  readonly id: string;
  readonly secretName: string;
  readonly syncStatus: 'synced' | 'syncing' | 'timeout' | 'closed';
}

/** As Kubernetes names it. */
export interface ReadKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface ControlPlane {
  readonly version: VersionInfo;
  /** Namespaces whose callers see the whole mesh. */
  readonly systemNamespaces: readonly string[];
  /** Proxies of whose certificates something is to be told: who has gone, and who gets no newer one. */
  uncertain(): readonly CertificateHolder[];
  /** The same control plane with the proxies of all its replicas, and with what is wanted besides. */
  everywhere(wanted?: Pick<ReplicaQuestion, 'held' | 'pushes'>): Promise<Everywhere>;
  /** Others reach it by an address that is not this machine's loopback: who comes from there comes through a forwarded port. */
  isReachedElsewhere(): boolean;
  /** Proxies can connect and would get a configuration. */
  isReady(): boolean;
  snapshot(): Snapshot;
  mesh(): Mesh;
  view(node: NodeInfo): ProxyView | undefined;
  proxies(): readonly ProxyStatus[];
  /** Names of what a proxy has, by type. */
  held(proxy: Pick<ProxyStatus, 'connection' | 'replica'>): ReadonlyMap<TypeUrl, readonly string[]> | undefined;
  /** Sections of Envoy's config dump as proto JSON, private keys redacted. */
  configDump(node: NodeInfo, withEndpoints: boolean): readonly object[];
  /** What a proxy is to have, with the causes of every field. */
  resources(node: NodeInfo): DecodedConfiguration;
  problems(): readonly Problem[];
  /** What objects do to each other as this proxy sees them. */
  conflicts(node: NodeInfo): readonly Problem[];
  /** Why the proxy does not know a host, or does not look at requests for it. */
  hostProblems(node: NodeInfo, host: string): readonly Problem[];
  /** Why an object has nothing to say to the proxy. */
  objectProblems(node: NodeInfo, object: Pick<SourceRef, 'kind' | 'namespace' | 'name'>): readonly Problem[];
  /** Every patch that is for the proxy, and how many places it matches there. */
  patchPlaces(node: NodeInfo): readonly PatchPlaces[];
  rejections(): readonly RejectedResource[];
  clusters(): readonly ClusterState[];
  /** The kinds of objects that are read. */
  kinds(): readonly ReadKind[];
  counters(): object;
  /** How many resources are kept for connected proxies, and their bytes, by kind. */
  cacheSizes(): object;
  /** Where the program's time goes during so many seconds. */
  cpuProfile(seconds: number): Promise<object>;
  /** What its memory is for, in bytes. */
  memory(): object;
  /** The injector's configuration; undefined where nothing is injected. */
  injection(): unknown;
  /** What was sent lately, the latest first. */
  pushes(): readonly Push[];
  /** Makes all configurations anew and sends what differs. */
  push(): void;
  /** Whom a bearer token speaks for. A fault is thrown. */
  authenticate(authorization: string): Promise<WorkloadIdentity | undefined>;
  /** Prometheus text. */
  metricsText(): Promise<string>;
}
