// What a proxy outside Kubernetes is given to prove itself: the roots that the control plane's certificate leads to, and
// a bearer token for its workload's identity. Both come from the daemon's state directory, which is made if need be, so
// that `bootstrap` may run before `serve`.
import type { KeyPair } from '../../ca/authority.ts';
import type { NodeInfo } from '../../model/envoy/resource.ts';
import type { Snapshot } from '../../model/snapshot.ts';

import { createRoot } from '../../ca/authority.ts';
import { pluggedSecret, pluggedSigner } from '../../ca/root/plugged.ts';
import { rootLifetime } from '../../ca/root/resident.ts';
import { trustedRoots } from '../../ca/root/root-rotation.ts';
import { loadAuthority, loadOrCreateRoot, loadOrCreateTokenKey } from '../../ca/store/storage.ts';
import { tokenAuthority } from '../../ca/identity/token.ts';
import { objectKey } from '../../model/object.ts';
import type { Installation } from '../../translate/resolve/settings/mesh-settings.ts';
import { defaultInstallation, meshConfigName, meshSettings } from '../../translate/resolve/settings/mesh-settings.ts';

/** Whom the tokens are for: they are good for nothing else. */
export const tokenAudience = 'keelson';

export interface Credentials {
  /** PEM, one or more. */
  readonly rootCertificates: string;
  readonly token: string;
}

/** The root in the state directory `state`, made on first use. Throws a StorageError, or the file system's error. */
export function directoryRoot(state: string, trustDomain: string, now: number): Promise<KeyPair> {
  return loadOrCreateRoot(state, () => createRoot(trustDomain, now, rootLifetime), now);
}

/** What the tokens of the state directory `state` are authenticated with. Throws like `directoryRoot`. */
export const directoryTokens = async (state: string) => tokenAuthority(await loadOrCreateTokenKey(state));

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
    const rootCertificates = await rootsOf(state, snapshot, now);
    const identity = {
      trustDomain,
      namespace: String(node.metadata['NAMESPACE']),
      serviceAccount: String(node.metadata['SERVICE_ACCOUNT']),
    };
    const token = (await directoryTokens(state)).issue(identity, lifetime, { audience: tokenAudience, now });
    return { rootCertificates, token };
  } catch (error) {
    if (!(error instanceof Error) || !isFault(error)) throw error;
    return { failure: `the state directory ${state} cannot be used: ${reasons(error)}` };
  }
}

/** Those in force and those to come, as the daemon says; before its first start, those that it will begin with. */
async function rootsOf(state: string, snapshot: Snapshot, now: number): Promise<string> {
  const saved = await loadAuthority(state);
  if (saved !== undefined) return trustedRoots(saved.state).join('');
  const secret = authoritySecret(snapshot);
  const plugged = secret === undefined ? undefined : pluggedSigner(secret, now);
  if (plugged !== undefined && 'signer' in plugged) return plugged.signer.roots.join('');
  return (await directoryRoot(state, trustDomainOf(snapshot), now)).certificate;
}

/** The Secret with the authority that somebody plugged in. */
export const authoritySecret = ({ objects }: Snapshot, { systemNamespace } = defaultInstallation) =>
  objects.Secret.get(objectKey(systemNamespace, pluggedSecret));

/** The mesh's trust domain, as its settings say. */
export const trustDomainOf = (snapshot: Snapshot, installation = defaultInstallation): string =>
  settingsOf(snapshot, installation).trustDomain;

/** Other names that the mesh's trust domain has, or has had. */
export const trustDomainAliasesOf = (snapshot: Snapshot, installation = defaultInstallation): readonly string[] =>
  settingsOf(snapshot, installation).trustDomainAliases ?? [];

function settingsOf({ objects }: Snapshot, installation: Installation) {
  const config = objects.ConfigMap.get(objectKey(installation.systemNamespace, meshConfigName(installation)));
  return meshSettings(installation, config?.meshConfig ?? {});
}

/** Of the storage, or of the file system below it. */
const isFault = (error: Error): boolean => error.name === 'StorageError' || 'code' in error;

const reasons = (error: Error): string =>
  error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
