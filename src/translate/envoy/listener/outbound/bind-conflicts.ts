// Services that want a port of an address which another one has, and cannot be told apart from it: what their owners should
// know.
// https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/
import type { Protocol } from '../../../../model/mesh/mesh.ts';
import type { Problem } from '../../../../model/problem.ts';
import type { SourceRef } from '../../../../model/source.ts';
import { describeSource } from '../../../../model/source.ts';

/** A bind, what opened it, and a later claim on it that changed nothing. */
export interface LostBind {
  readonly bind: string;
  readonly port: number;
  readonly winner: { readonly source: SourceRef; readonly protocol: Protocol };
  readonly loser: { readonly source: SourceRef; readonly protocol: Protocol; readonly host: string };
}

/** An object that loses to itself has only said the same twice. */
export const bindProblems = (lost: readonly LostBind[]): readonly Problem[] =>
  lost
    .filter(({ winner, loser }) => objectOf(winner.source) !== objectOf(loser.source))
    .map(({ bind, port, winner, loser }) => ({
      code: 'port-conflict',
      severity: 'warning',
      message: `${bind}:${port} is taken already for ${winner.protocol} because of ${describeSource(winner.source)}: ${loser.protocol} connections for ${loser.host} cannot be told apart and are treated as that one's.`,
      source: loser.source,
    }));

const objectOf = ({ kind, namespace, name }: SourceRef): string => describeSource({ kind, namespace, name });
