// A resource that proxies reject, as a problem of the object that made it so.
import type { Problem } from '../model/problem.ts';
import { resourceOrigins } from '../translate/origins.ts';
import type { Rejection } from '../xds/subscription/quarantine.ts';

/** Patches are the likeliest cause: everything else is checked before it is sent. */
export function rejectionProblem({ type, name, error, nodes, resource }: Rejection): Problem {
  const causes = [...resourceOrigins(resource).values()].flat();
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
