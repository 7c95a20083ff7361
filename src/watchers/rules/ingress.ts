// Ingress: what of it has no effect, which its author should know.
// https://kubernetes.io/docs/concepts/services-networking/ingress/
import type { KindMap } from '../../model/schema/index.ts';
import type { Drafts } from '../draft.ts';
import { doubtful } from '../draft.ts';

export function* ingress({ spec }: KindMap['Ingress']): Drafts {
  if (spec.defaultBackend !== undefined)
    yield doubtful(['spec', 'defaultBackend'], 'a default backend has no effect: a rule without host and path has');
  for (const [index, { secretName }] of (spec.tls ?? []).entries()) {
    if (secretName === undefined || secretName === '')
      yield doubtful(['spec', 'tls', index], 'without secretName there is no certificate for these hosts: left out');
  }
}
