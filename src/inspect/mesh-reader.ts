// The mesh as somebody sees it who only looks: files as they would be in force, the daemon's own, or what a running daemon
// tells over HTTP. Explanations, traces and comparisons ask it, and do not know which it is.
import type { DecodedConfiguration } from '../model/envoy/decoded.ts';
import type { PatchPlaces } from '../model/envoy/patch-places.ts';
import type { NodeInfo } from '../model/envoy/resource.ts';
import type { Problem } from '../model/problem.ts';

/** What was asked cannot be answered: no such proxy, no URL. Its message is for who asked. */
export class WrongQuestion extends Error {
  override readonly name = 'WrongQuestion';
}

export interface MeshService {
  readonly hostname: string;
  readonly namespace: string;
  /** '' without one. */
  readonly address: string;
}

export interface MeshProxy {
  /** `pod.namespace` */
  readonly name: string;
  readonly address: string;
}

export interface MeshReader {
  readonly trustDomain: string;
  readonly services: readonly MeshService[];
  /** Of the proxies that there are; in files, of the Pods that have a sidecar. */
  readonly proxies: readonly MeshProxy[];
  /** Mistakes in single objects, and what they do to each other for all. */
  readonly problems: readonly Problem[];
  /** What objects do to each other as a proxy sees them. */
  conflicts(proxy: string): Promise<readonly Problem[]>;
  /** Why a proxy does not know a host, or does not look at requests for it. */
  hostProblems(proxy: string, host: string): Promise<readonly Problem[]>;
  /** Why an object (`namespace/name`) has nothing to say to a proxy. */
  objectProblems(proxy: string, object: { readonly kind: string; readonly name: string }): Promise<readonly Problem[]>;
  /** Every patch that is for a proxy, and how many places it matches there. */
  patchPlaces(proxy: string): Promise<readonly PatchPlaces[]>;
  /** When a proxy last accepted resources of each kind: RFC 3339. Empty for files. */
  liveSince(proxy: string): Promise<ReadonlyMap<keyof DecodedConfiguration, string>>;
  /** Throws a WrongQuestion for a proxy that is not there. */
  read(proxy: string): Promise<{ readonly node: NodeInfo; readonly resources: DecodedConfiguration }>;
}
