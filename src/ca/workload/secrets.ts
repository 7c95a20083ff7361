// The secrets that every workload of the mesh gets: its own certificate and key, and the roots to trust. They exist
// for the identity that the proxy proved and for no other, and are replaced well before they end.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/security/secret
import type { Resource } from '../../model/envoy/resource.ts';
import type { SecretSource, Workload } from '../../model/external/secret-source.ts';
import type { Authority, Issued } from '../authority.ts';
import type { Clock } from '../clock.ts';
import type { CertificateHolders } from './holders.ts';
import type { Rotation } from '../rotation.ts';
import type { SubjectNames } from '../certificate/template.ts';
import { spiffeId } from '../../model/proxy/identity.ts';
import { resourceTypes } from '../../model/envoy/resource.ts';
import { systemClock } from '../clock.ts';
import { rotate } from '../rotation.ts';
import { workloadTemplate } from '../certificate/template.ts';

export interface WorkloadSecretsOptions {
  readonly authority: Authority;
  /** Of what a certificate's Subject tells; the namespace is always the identity's own. */
  readonly names: (workload: Workload) => Omit<SubjectNames, 'namespace'>;
  /** Called when a certificate cannot be issued; another attempt follows. */
  readonly onFault: (workload: Workload, error: unknown) => void;
  /** Is told who gets which certificate, and who has gone. */
  readonly holders?: Pick<CertificateHolders, 'issued' | 'failed' | 'joined' | 'left'>;
  /** Of certificates, in milliseconds. */
  readonly ttl?: number;
  /** When another signer comes, certificates are replaced within this time, in milliseconds. */
  readonly spread?: number;
  readonly clock?: Clock;
  readonly random?: () => number;
}

type Watcher = (secret: Resource | undefined) => void;

/** One certificate in rotation, for all streams of one proxy. */
interface Leaf {
  readonly watchers: Set<Watcher>;
  readonly rotation: Rotation;
  readonly current: { readonly secret: Resource; readonly authority: string } | undefined;
}

export interface WorkloadSecrets extends SecretSource {
  /** All certificates are of the signer in force. */
  isReissued(): boolean;
}

export const leafSecret = 'default';
export const rootSecret = 'ROOTCA';
const day = 24 * 60 * 60_000;

/** Serves the secrets `default` and `ROOTCA`, for as long as the program runs. */
export function workloadSecrets(options: WorkloadSecretsOptions): WorkloadSecrets {
  const { authority, clock = systemClock, spread = 10_000, random = Math.random } = options;
  let signer = authority.id;
  let roots = validationSecret(authority);
  const rootWatchers = new Set<Watcher>();
  const leafs = new Map<string, Leaf>();

  authority.subscribe(() => {
    const before = roots;
    roots = validationSecret(authority);
    if (JSON.stringify(before.message) === JSON.stringify(roots.message)) roots = before;
    else for (const watcher of rootWatchers) watcher(roots);
    if (signer === authority.id) return;
    signer = authority.id;
    for (const [key, leaf] of leafs)
      clock.after(random() * spread, () => leafs.get(key) === leaf && leaf.rotation.renew());
  });

  const watchLeaf = (workload: Workload, watcher: Watcher, signal: AbortSignal): void => {
    const names = { ...options.names(workload), namespace: workload.identity.namespace };
    const key = JSON.stringify([spiffeId(workload.identity), workload.node.id, names]);
    const leaf = leafs.get(key) ?? startLeaf(options, workload, names);
    leafs.set(key, leaf);
    options.holders?.joined(workload.node);
    leaf.watchers.add(watcher);
    if (leaf.current !== undefined) watcher(leaf.current.secret);
    signal.addEventListener('abort', () => {
      leaf.watchers.delete(watcher);
      if (leaf.watchers.size > 0) return;
      leaf.rotation.stop();
      leafs.delete(key);
      options.holders?.left(workload.node);
    });
  };

  return {
    watch(workload, name, onChange, signal) {
      if (signal.aborted) return;
      if (name === leafSecret) return watchLeaf(workload, onChange, signal);
      if (name !== rootSecret) return onChange(undefined);
      rootWatchers.add(onChange);
      signal.addEventListener('abort', () => rootWatchers.delete(onChange));
      onChange(roots);
    },
    isReissued: () => [...leafs.values()].every(({ current }) => current?.authority === authority.id),
  };
}

function startLeaf(options: WorkloadSecretsOptions, workload: Workload, names: SubjectNames): Leaf {
  const { authority, clock = systemClock, ttl = day, random } = options;
  const watchers = new Set<Watcher>();
  let current: Leaf['current'];
  const rotation = rotate({
    issue: () => authority.issue(workloadTemplate(workload.identity, names, clock.now(), ttl)),
    onIssued: (issued) => {
      const secret = certificateSecret(issued);
      current = { secret, authority: issued.authority };
      options.holders?.issued(workload.node, issued.notAfter);
      for (const watcher of watchers) watcher(secret);
    },
    onFault: (error) => {
      options.holders?.failed(workload.node, error instanceof Error ? error.message : String(error));
      options.onFault(workload, error);
    },
    clock,
    ...(random !== undefined && { random }),
  });
  return {
    watchers,
    rotation,
    get current() {
      return current;
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

function validationSecret({ roots, crl }: Authority): Resource {
  const validation_context = {
    trusted_ca: { inline_bytes: base64(roots) },
    // A list of the authority that signs leafs has to be there; those above it need not publish any.
    ...(crl !== undefined && { crl: { inline_bytes: base64(crl) }, only_verify_leaf_cert_crl: true }),
  };
  return { type: resourceTypes.secret, name: rootSecret, message: { name: rootSecret, validation_context } };
}
