// What the console needs of the daemon beside what debug pages do: each a question that can be asked at any time, and
// that costs no more than what it shows.
import type { NodeInfo } from '../../model/envoy/resource.ts';
import type { SourceRef } from '../../model/source.ts';
import type * as api from './api.ts';

export interface ConsoleSource {
  /** What a proxy is to have, by kind and name, undecoded. */
  names(node: NodeInfo): readonly api.ResourceName[];
  /** 'no resource' of that name, or 'no field' of that path in it. */
  branch(node: NodeInfo, named: api.ResourceName, place: api.BranchPlace): api.Branch | 'no resource' | 'no field';
  /** Resources of that name first, then what is in others, a stretch at a time: from where the one before has ended. */
  search(node: NodeInfo, text: string, after: number | undefined): Promise<api.Hits>;
  effect(object: SourceRef): Promise<api.Effect>;
  authority(): api.Authority;
  trace(question: api.TraceQuestion): Promise<api.Traced | api.Refused>;
  /** What these manifests would change, for every connected proxy. */
  difference(change: api.WrittenChange): Promise<api.Difference | api.Refused>;
  /** What proxies measured of requests between services, by the ids of graph nodes; undefined where nobody can be asked. */
  traffic(): Promise<readonly MeasuredEdge[] | undefined>;
  /** Calls whenever there may be something new to show; returns how to stop. */
  onChange(listener: () => void): () => void;
}

/** Between `namespace/name` of a workload's canonical service and a host. */
export interface MeasuredEdge extends api.Traffic {
  readonly from: { readonly name: string; readonly namespace: string };
  readonly to: { readonly hostname: string };
}
