// A resource that proxies reject, as a problem of the object that made it so.
import type { Problem } from '../model/problem.ts';
import type { Resource } from '../model/envoy/resource.ts';
import type { SourceRef } from '../model/source.ts';
import { resourceOrigins } from '../translate/origins.ts';
import type { Rejection } from '../xds/subscription/quarantine.ts';

/** The field that is likeliest to blame. Patches come first: everything else is checked before it is sent. */
export function blamedSource(resource: Resource): SourceRef | undefined {
  const causes = [...resourceOrigins(resource).values()].flat();
  return causes.find(({ kind }) => kind === 'EnvoyFilter') ?? causes[0];
}

export type Blamed = Pick<Rejection, 'type' | 'name' | 'error' | 'nodes'> & { readonly source?: SourceRef | undefined };

export function rejectionProblem({ type, name, error, nodes, source }: Blamed): Problem {
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
