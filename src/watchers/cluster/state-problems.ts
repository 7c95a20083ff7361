// What is wrong with reading a cluster, for whoever runs it: kinds that we may not read, and kinds that cannot be read now.
import type { Problem } from '../../model/problem.ts';
import type { KindRow } from '../kinds.ts';
import type { KindState } from './kind-watch.ts';
import { resourceName } from '../../kubernetes/resource.ts';

/** One for each reason: what keeps us from one kind mostly keeps us from all. */
export function stateProblems(states: ReadonlyMap<KindRow, KindState>): readonly Problem[] {
  const of = (kind: 'denied' | 'failing') =>
    [...states].flatMap(([row, state]) =>
      state.kind === kind ? [{ name: resourceName(row), reason: state.reason }] : [],
    );
  const denied = of('denied').map(({ name, reason }): Problem => ({
    code: 'not-permitted',
    severity: 'error',
    message: `${name} may not be read, so that what they say has no effect: ${reason}; a ClusterRole must allow get, list and watch`,
  }));
  const failing = Map.groupBy(of('failing'), ({ reason }) => reason);
  return [
    ...denied,
    ...[...failing].map(([reason, kinds]): Problem => {
      const names = kinds.map(({ name }) => name).toSorted();
      return {
        code: 'api-server-fault',
        severity: 'warning',
        message: `${names.join(', ')} cannot be followed at the moment, what was read last stays in force: ${reason}`,
      };
    }),
  ];
}
