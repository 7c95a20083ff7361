// A resource that proxies reject, as a problem of the object that made it so.
import type { TypeUrl } from '../model/envoy/resource.ts';
import type { Problem } from '../model/problem.ts';
import type { SourceRef } from '../model/source.ts';

export interface RejectedResource {
  readonly type: TypeUrl;
  readonly name: string;
  /** In Envoy's words. */
  readonly error: string;
  readonly nodes: readonly string[];
  /** The objects that it came from. */
  readonly causes: readonly SourceRef[];
}

/** Patches are the likeliest cause: everything else is checked before it is sent. */
export function rejectionProblem({ type, name, error, nodes, causes }: RejectedResource): Problem {
  const source = causes.find(({ kind }) => kind === 'EnvoyFilter') ?? causes[0];
  const kind = type.slice(type.lastIndexOf('.') + 1);
  const who = nodes.length === 1 ? 'a proxy rejects' : `${nodes.length} proxies reject`;
  const remedy = source?.kind === 'EnvoyFilter' ? 'mend or delete this EnvoyFilter' : 'change it, or take it back';
  return {
    code: 'rejected-resource',
    severity: 'warning',
    message: `${who} the ${kind} ${name} that it makes: ${error.trim()}; its last good version stays in force: ${remedy}`,
    ...(source !== undefined && { source }),
  };
}
