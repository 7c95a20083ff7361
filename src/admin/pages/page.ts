// What a debug page is: a question to the control plane, asked with parameters by somebody with a scope.
import type { DebugScope } from '../../model/proxy/debug.ts';
import { isInScope } from '../../model/proxy/debug.ts';
import type { ProxyStatus } from '../../model/proxy/proxy-status.ts';
import type { ControlPlane } from '../control-plane.ts';

export interface Question {
  readonly plane: ControlPlane;
  readonly scope: DebugScope;
  readonly query: URLSearchParams;
}

/** What cannot be answered, with the HTTP status that says so. */
export interface Refusal {
  readonly status: 400 | 403 | 404;
  readonly message: string;
}

/** `json`: any value; `text` and `html`: as they stand. */
export type Answer =
  { readonly json: unknown } | { readonly text: string } | { readonly html: string } | { readonly refused: Refusal };

export interface Page {
  readonly summary: string;
  /** Whether it shows nothing but proxies of the caller's own scope; others are for the system's namespaces alone. */
  readonly scoped: boolean;
  /** What it tells of: what every replica knows, proxies wherever they are connected, or those and what they have. */
  readonly about: 'mesh' | 'proxies' | 'streams';
  readonly answer: (question: Question) => Answer | Promise<Answer>;
}

export const refused = (status: Refusal['status'], message: string): Answer => ({ refused: { status, message } });

/** The proxies that the caller may see; `namespace` in the query narrows it down. */
export function visibleProxies({ plane, scope, query }: Question): readonly ProxyStatus[] {
  const asked = query.get('namespace');
  return plane
    .proxies()
    .filter(({ namespace }) => isInScope(scope, namespace) && (asked === null || asked === '' || namespace === asked));
}
