// The credentials for a registry in a Secret of type kubernetes.io/dockerconfigjson.
// https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/
import type { KindMap } from '../model/schema/index.ts';
import type { Credentials } from './registry.ts';

interface Entry {
  readonly username?: unknown;
  readonly password?: unknown;
  /** Both, in base64. */
  readonly auth?: unknown;
}

/** Undefined when the Secret has none for this registry. */
export function registryCredentials(secret: KindMap['Secret'] | undefined, registry: string): Credentials | undefined {
  const encoded = secret?.data['.dockerconfigjson'];
  if (encoded === undefined) return undefined;
  const entries = authsIn(Buffer.from(encoded.reveal(), 'base64').toString('utf8'));
  const [, entry] = Object.entries(entries).find(([name]) => hostOf(name) === registry) ?? [];
  if (entry === undefined) return undefined;
  if (typeof entry.username === 'string' && typeof entry.password === 'string')
    return { username: entry.username, password: entry.password };
  if (typeof entry.auth !== 'string') return undefined;
  const [username = '', ...password] = Buffer.from(entry.auth, 'base64').toString('utf8').split(':');
  return { username, password: password.join(':') };
}

/** `https://registry.example/v1/` is a name, too. */
const hostOf = (name: string): string => name.replace(/^https?:\/\//, '').split('/')[0] ?? '';

/** A Secret that is no such file has no credentials; what stands in it is never told. */
function authsIn(text: string): Readonly<Record<string, Entry>> {
  try {
    const { auths } = JSON.parse(text) as { auths?: unknown };
    return typeof auths === 'object' && auths !== null ? (auths as Readonly<Record<string, Entry>>) : {};
  } catch {
    return {};
  }
}
