// Certificates of the user's own, out of the objects that hold them, to proxies that may read those objects and to nobody else.
// A proxy that watches one hears of every change of the object, and of every change of its right to it.
// https://istio.io/latest/docs/tasks/traffic-management/ingress/secure-ingress/
import { objectKey } from '../../model/object.ts';
import type { Resource } from '../../model/envoy/resource.ts';
import type { SecretSource, Workload } from '../../model/external/secret-source.ts';
import type { SnapshotObjects } from '../../model/snapshot.ts';
import { authorities, keyPair } from './credential-secret.ts';
import type { CredentialName } from './credential-name.ts';
import { authoritiesObject, parseCredentialName } from './credential-name.ts';

export interface CredentialSecretsOptions {
  readonly objects: () => Pick<SnapshotObjects, 'Secret' | 'ConfigMap'>;
  /** Whether the workload may read Secrets of the namespace, which is always its own. */
  readonly mayReadSecret: (workload: Workload, namespace: string) => boolean | Promise<boolean>;
  /** Whether a gateway that the proxy serves names this credential, and may do so. */
  readonly isGranted: (workload: Workload, name: string) => boolean;
  /** The right could not be found out; the secret is not given out. */
  readonly onFault: (workload: Workload, error: unknown) => void;
}

export interface CredentialSecrets extends SecretSource {
  /** To be called when the objects, or what gateways name, may have changed. */
  update(): void;
}

/** Whether a name asks for a credential. */
export const isCredential = (name: string): boolean => parseCredentialName(name) !== undefined;

export function credentialSecrets(options: CredentialSecretsOptions): CredentialSecrets {
  const watches = new Set<() => void>();
  return {
    watch(workload, name, onChange, signal) {
      const asked = parseCredentialName(name);
      if (asked === undefined) return onChange(undefined);
      if (signal.aborted) return;
      const look = follow(options, workload, name, asked, onChange, signal);
      watches.add(look);
      signal.addEventListener('abort', () => watches.delete(look));
      look();
    },
    update() {
      for (const look of watches) look();
    },
  };
}

/** Looks anew each time it is called; what it finds is told if it is something else than before. */
function follow(
  options: CredentialSecretsOptions,
  workload: Workload,
  name: string,
  asked: CredentialName,
  onChange: (secret: Resource | undefined) => void,
  signal: AbortSignal,
): () => void {
  let told: { readonly secret: Resource | undefined } | undefined;
  let looks = 0;
  const tell = (secret: Resource | undefined): void => {
    if (signal.aborted || (told !== undefined && told.secret === secret)) return;
    told = { secret };
    onChange(secret);
  };
  return () => {
    const look = ++looks;
    const allowed = mayHave(options, workload, name, asked);
    // What was found for an older state of the world must not replace what is known of a newer one.
    const settle = (permitted: boolean): void => {
      if (look === looks) tell(permitted ? secretOf(options, workload, name, asked) : undefined);
    };
    if (typeof allowed === 'boolean') return settle(allowed);
    allowed.then(settle, (error: unknown) => {
      options.onFault(workload, error);
      settle(false);
    });
  };
}

/** Authorities are no secret: who is told of a ConfigMap may have them. */
function mayHave(
  { mayReadSecret, isGranted }: CredentialSecretsOptions,
  workload: Workload,
  name: string,
  { scheme, namespace }: CredentialName,
): boolean | Promise<boolean> {
  const own = workload.identity.namespace;
  if (scheme === 'configmap') return true;
  if (scheme === 'kubernetes-gateway') return isGranted(workload, name);
  return (namespace ?? own) === own && mayReadSecret(workload, own);
}

function secretOf(
  { objects }: CredentialSecretsOptions,
  { identity }: Workload,
  secretName: string,
  { scheme, namespace = identity.namespace, name, wanted }: CredentialName,
): Resource | undefined {
  const { Secret, ConfigMap } = objects();
  const key = objectKey(namespace, name);
  const found = scheme === 'configmap' ? ConfigMap.get(key) : Secret.get(key);
  if (wanted === 'key-pair') {
    const pair = Secret.get(key);
    return pair === undefined ? undefined : keyPair(pair, secretName);
  }
  // Authorities have an object of their own, or stand beside the certificate.
  const own = scheme === 'configmap' ? undefined : Secret.get(objectKey(namespace, authoritiesObject(name)));
  const holder = own ?? found;
  return holder === undefined ? undefined : authorities(holder, secretName);
}
