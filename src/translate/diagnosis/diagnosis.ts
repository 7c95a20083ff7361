// The questions of who looks for a fault, asked of the mesh as one proxy sees it.
import type { NodeInfo } from '../../model/envoy/resource.ts';
import type { Problem } from '../../model/problem.ts';
import type { SnapshotObjects } from '../../model/snapshot.ts';
import type { SourceRef } from '../../model/source.ts';
import type { OutboundView, ProxyView } from '../../model/view.ts';
import type { ServedCertificate } from '../gateway/servers/credential-problems.ts';
import { routerCertificates } from '../gateway/router-configuration.ts';
import type { ResolvedMesh } from '../resolve/mesh.ts';
import { hostProblems } from './host-problems.ts';
import { objectProblems } from './object-problems.ts';
import { destinationProblems } from './route-destinations.ts';
import { protocolProblems } from './route-protocols.ts';

export interface Diagnosis {
  /** Why the proxy does not know a host, or does not look at requests for it: `store`, `api.example.com:443`. */
  hostProblems(node: NodeInfo, host: string): readonly Problem[];
  /** Why an object has nothing to say to the proxy; empty where nothing keeps it away. */
  objectProblems(node: NodeInfo, object: Pick<SourceRef, 'kind' | 'namespace' | 'name'>): readonly Problem[];
  /** Certificates that users gave, and that the proxy shows: for who knows what time it is. */
  servedCertificates(node: NodeInfo): readonly ServedCertificate[];
}

/** Answers with nothing for what is no proxy of a mesh. */
export function diagnosis(
  resolved: ResolvedMesh,
  objects: SnapshotObjects,
  view: (node: NodeInfo) => ProxyView | undefined,
): Diagnosis {
  const told = <T>(node: NodeInfo, tell: (seen: ProxyView) => readonly T[]): readonly T[] => {
    const seen = view(node);
    return seen === undefined ? [] : tell(seen);
  };
  return {
    hostProblems: (node, host) => told(node, (seen) => hostProblems(resolved, seen, objects, host)),
    objectProblems: (node, object) => told(node, (seen) => objectProblems(resolved, seen, objects, object)),
    servedCertificates: (node) => told(node, (seen) => routerCertificates(resolved, seen, objects.Secret)),
  };
}

/** Routes that lead nowhere, or that no request is held against. */
export const unusableRoutes = (outbound: OutboundView): readonly Problem[] => [
  ...destinationProblems(outbound),
  ...protocolProblems(outbound),
];
