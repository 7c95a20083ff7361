// What a proxy outside Kubernetes is given to prove itself: the root that the control plane's certificate leads to, and
// a bearer token for its workload's identity. Both come from the daemon's state directory, which is made if need be, so
// that `bootstrap` may run before `serve`.
import type { KeyPair } from './ca/authority.ts';
import type { NodeInfo } from './model/resource.ts';
import type { Snapshot } from './model/snapshot.ts';

import { createRoot } from './ca/authority.ts';
import { loadOrCreateRoot } from './ca/storage.ts';
import { tokenAuthority } from './ca/token.ts';
import { defaultInstallation, meshSettings } from './translate/resolve/mesh-settings.ts';

/** Whom the tokens are for: they are good for nothing else. */
export const tokenAudience = 'keelson';

const rootLifetime = 10 * 365 * 24 * 3600 * 1000;

export interface Credentials {
  /** PEM. */
  readonly rootCertificate: string;
  readonly token: string;
}

/** The root in the state directory `state`, made on first use. Throws a StorageError, or the file system's error. */
export function directoryRoot(state: string, trustDomain: string, now: number): Promise<KeyPair> {
  return loadOrCreateRoot(state, () => createRoot(trustDomain, now, rootLifetime), now);
}

/** `lifetime` in milliseconds. An unusable state directory is told in words. */
export async function issueCredentials(
  state: string,
  node: NodeInfo,
  snapshot: Snapshot,
  lifetime: number,
): Promise<Credentials | { readonly failure: string }> {
  const now = Date.now();
  const trustDomain = trustDomainOf(snapshot);
  try {
    const root = await directoryRoot(state, trustDomain, now);
    const identity = {
      trustDomain,
      namespace: String(node.metadata['NAMESPACE']),
      serviceAccount: String(node.metadata['SERVICE_ACCOUNT']),
    };
    const token = tokenAuthority(root.privateKey).issue(identity, lifetime, { audience: tokenAudience, now });
    return { rootCertificate: root.certificate, token };
  } catch (error) {
    if (!(error instanceof Error) || !isFault(error)) throw error;
    return { failure: `the state directory ${state} cannot be used: ${reasons(error)}` };
  }
}

/** The mesh's trust domain, as its settings say. */
export function trustDomainOf({ objects }: Snapshot): string {
  const config = objects.ConfigMap.get(`${defaultInstallation.systemNamespace}/istio`)?.meshConfig ?? {};
  return meshSettings(defaultInstallation, config).trustDomain;
}

/** Of the storage, or of the file system below it. */
const isFault = (error: Error): boolean => error.name === 'StorageError' || 'code' in error;

const reasons = (error: Error): string =>
  error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
