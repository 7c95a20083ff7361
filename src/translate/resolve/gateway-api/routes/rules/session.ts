// Sessions of a rule's clients: each stays with the endpoint that it talked to first.
// https://gateway-api.sigs.k8s.io/geps/gep-1619/
import type { PersistentSession } from '../../../../../model/mesh/mesh.ts';
import type { gatewayApi } from '../../../../../model/schema/index.ts';

/**
 * `fallback` is what the session is called that has no name of its own. With an `absoluteTimeout` a cookie is given up after
 * that time, whatever its lifetime is called: nothing else could end the session.
 */
export function persistentSession(
  { sessionName = '', type, absoluteTimeout }: gatewayApi.SessionPersistence,
  fallback: string,
): PersistentSession {
  const name = sessionName === '' ? fallback : sessionName;
  if (type === 'Header') return { kind: 'header', name };
  return { kind: 'cookie', name, path: '/', ...(absoluteTimeout !== undefined && { lifetime: absoluteTimeout }) };
}
