// What is wrong with reading a cluster, for whoever runs it: kinds that we may not read, and kinds that cannot be read now.
// Without the kinds that say who may do what nothing is served: a mesh that has not seen its policies lets everybody in.
import type { Kind } from '../../model/schema/index.ts';
import type { Problem } from '../../model/problem.ts';
import type { KindRow } from '../kinds.ts';
import type { KindState } from './kind-watch.ts';
import { resourceName } from '../../kubernetes/resource.ts';

const securityKinds: ReadonlySet<Kind> = new Set([
  'PeerAuthentication',
  'RequestAuthentication',
  'AuthorizationPolicy',
]);

/** Whether a kind counts as known, with what was read of it or with nothing: if so, proxies may be served without it. */
export const isSettled = ({ kind }: KindRow, state: KindState): boolean =>
  state.kind === 'following' || state.kind === 'absent' || (state.kind === 'denied' && !securityKinds.has(kind));

/**
 * `known`: kinds that were settled once. What keeps us from reaching the server keeps us from all kinds alike, and is said
 * once.
 */
export function stateProblems(
  states: ReadonlyMap<KindRow, KindState>,
  known: ReadonlySet<KindRow>,
): readonly Problem[] {
  const unreachable = [...states].flatMap(([row, state]) =>
    state.kind === 'unreachable' ? fault('the cluster', state.reason, known.has(row)) : [],
  );
  const ofKinds = [...states].flatMap(([row, state]) => problemOf(row, state, known.has(row)) ?? []);
  return [...ofKinds, ...unreachable.slice(0, 1)];
}

function problemOf(row: KindRow, state: KindState, isKnown: boolean): Problem | undefined {
  const name = resourceName(row);
  if (state.kind === 'failing') return fault(name, state.reason, isKnown);
  if (state.kind !== 'denied') return undefined;
  const effect =
    securityKinds.has(row.kind) && !isKnown
      ? 'so that no proxy is served'
      : 'what was read of them before stays in force, and nothing else has an effect';
  return {
    code: 'not-permitted',
    severity: 'error',
    message: `${name} may not be read, ${effect}: ${state.reason}; a ClusterRole must allow get, list and watch`,
  };
}

const fault = (what: string, reason: string, isKnown: boolean): Problem => ({
  code: 'api-server-fault',
  severity: 'warning',
  message: isKnown
    ? `${what} cannot be followed at the moment, what was read last stays in force: ${reason}`
    : `${what} cannot be read yet, and is waited for: ${reason}`,
});
