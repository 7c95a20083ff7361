// A question of the console: who asks, what, and of whom.
import type { DebugScope } from '../../../model/proxy/debug.ts';
import { isInScope } from '../../../model/proxy/debug.ts';
import type { ProxyStatus } from '../../../model/proxy/proxy-status.ts';
import type { ControlPlane } from '../../control-plane.ts';
import type { ConsoleSource } from '../source.ts';

export interface Question {
  /** With the proxies of all replicas but those that were not heard. */
  readonly plane: ControlPlane;
  readonly source: ConsoleSource;
  readonly scope: DebugScope;
  readonly query: URLSearchParams;
  readonly now: number;
  /** Of a POST: JSON, or text. */
  readonly body: unknown;
}

/** A question that has no answer, as HTTP says it. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  readonly status: 400 | 403 | 404;

  constructor(status: NoAnswer['status'], message: string) {
    super(message);
    this.status = status;
  }
}

export const visible = ({ plane, scope }: Question): readonly ProxyStatus[] =>
  plane.proxies().filter(({ namespace }) => isInScope(scope, namespace));

/** The proxy that the query names by `pod.namespace`. Throws a NoAnswer. */
export function askedProxy(question: Question): ProxyStatus {
  const name = question.query.get('proxy') ?? '';
  const found = visible(question).find(({ proxy }) => proxy === name);
  if (found === undefined) throw new NoAnswer(404, `the proxy '${name}' is not connected`);
  return found;
}
