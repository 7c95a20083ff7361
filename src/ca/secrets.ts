// The secrets that every workload of the mesh gets: its own certificate and key, and the roots to trust. They exist
// for the identity that the proxy proved and for no other, and are replaced well before they end.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/security/secret
import type { Resource } from '../model/resource.ts';
import type { SecretSource, Workload } from '../model/secret-source.ts';
import type { Authority, Issued } from './authority.ts';
import type { Clock } from './clock.ts';
import type { SubjectNames } from './template.ts';
import { spiffeId } from '../model/identity.ts';
import { resourceTypes } from '../model/resource.ts';
import { systemClock } from './clock.ts';
import { rotate } from './rotation.ts';
import { workloadTemplate } from './template.ts';

export interface WorkloadSecretsOptions {
  readonly authority: Authority;
  /** Of what a certificate's Subject tells; the namespace is always the identity's own. */
  readonly names: (workload: Workload) => Omit<SubjectNames, 'namespace'>;
  /** Called when a certificate cannot be issued; another attempt follows. */
  readonly onFault: (workload: Workload, error: unknown) => void;
  /** Of certificates, in milliseconds. */
  readonly ttl?: number;
  readonly clock?: Clock;
  readonly random?: () => number;
}

type Watcher = (secret: Resource | undefined) => void;

/** One certificate in rotation, for all streams of one proxy. */
interface Rotation {
  readonly watchers: Set<Watcher>;
  secret: Resource | undefined;
  stop: () => void;
}

export const leafSecret = 'default';
export const rootSecret = 'ROOTCA';
const day = 24 * 60 * 60_000;

/** Serves the secrets `default` and `ROOTCA`. */
export function workloadSecrets(options: WorkloadSecretsOptions): SecretSource {
  const { authority, clock = systemClock, ttl = day } = options;
  const roots = validationSecret(authority.roots);
  const rotations = new Map<string, Rotation>();

  const startRotation = (workload: Workload, names: SubjectNames): Rotation => {
    const rotation: Rotation = { watchers: new Set(), secret: undefined, stop: () => {} };
    rotation.stop = rotate({
      issue: () => authority.issue(workloadTemplate(workload.identity, names, clock.now(), ttl)),
      onIssued: (issued) => {
        const secret = (rotation.secret = certificateSecret(issued));
        for (const watcher of rotation.watchers) watcher(secret);
      },
      onFault: (error) => options.onFault(workload, error),
      clock,
      ...(options.random !== undefined && { random: options.random }),
    });
    return rotation;
  };

  const watchLeaf = (workload: Workload, watcher: Watcher, signal: AbortSignal): void => {
    const names = { ...options.names(workload), namespace: workload.identity.namespace };
    const key = JSON.stringify([spiffeId(workload.identity), workload.node.id, names]);
    const rotation = rotations.get(key) ?? startRotation(workload, names);
    rotations.set(key, rotation);
    rotation.watchers.add(watcher);
    if (rotation.secret !== undefined) watcher(rotation.secret);
    signal.addEventListener('abort', () => {
      rotation.watchers.delete(watcher);
      if (rotation.watchers.size > 0) return;
      rotation.stop();
      rotations.delete(key);
    });
  };

  return {
    watch(workload, name, onChange, signal) {
      if (signal.aborted) return;
      if (name === leafSecret) watchLeaf(workload, onChange, signal);
      else onChange(name === rootSecret ? roots : undefined);
    },
  };
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function certificateSecret({ certificate, privateKey }: Issued): Resource {
  const tls_certificate = {
    certificate_chain: { inline_bytes: base64(certificate) },
    private_key: { inline_bytes: base64(privateKey) },
  };
  return { type: resourceTypes.secret, name: leafSecret, message: { name: leafSecret, tls_certificate } };
}

function validationSecret(roots: string): Resource {
  const validation_context = { trusted_ca: { inline_bytes: base64(roots) } };
  return { type: resourceTypes.secret, name: rootSecret, message: { name: rootSecret, validation_context } };
}
