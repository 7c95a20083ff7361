// What is wrong with reading a cluster, for whoever runs it: kinds that we may not read, and kinds that cannot be read now.
import type { Problem } from '../../model/problem.ts';
import type { KindRow } from '../kinds.ts';
import type { KindState } from './kind-watch.ts';
import { resourceName } from '../../kubernetes/resource.ts';

/** What keeps us from reaching the server keeps us from all kinds alike, and is said once. */
export function stateProblems(states: ReadonlyMap<KindRow, KindState>): readonly Problem[] {
  const reasons = [...states.values()].flatMap((state) => (state.kind === 'unreachable' ? state.reason : []));
  const ofKinds = [...states].flatMap(([row, state]) => problemOf(resourceName(row), state) ?? []);
  return [...ofKinds, ...reasons.slice(0, 1).map((reason) => fault('the cluster', reason))];
}

function problemOf(name: string, state: KindState): Problem | undefined {
  if (state.kind === 'failing') return fault(name, state.reason);
  if (state.kind !== 'denied') return undefined;
  return {
    code: 'not-permitted',
    severity: 'error',
    message: `${name} may not be read, so that they have no effect: ${state.reason}; a ClusterRole must allow get, list and watch`,
  };
}

const fault = (what: string, reason: string): Problem => ({
  code: 'api-server-fault',
  severity: 'warning',
  message: `${what} cannot be followed at the moment, what was read last stays in force: ${reason}`,
});
