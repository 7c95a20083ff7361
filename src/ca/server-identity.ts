// The certificate of our own port, from the same authority as everybody's and renewed while the server runs.
import type { TlsIdentity, TlsSource } from '../model/external/secret-source.ts';
import type { Authority } from './authority.ts';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { rotate } from './rotation.ts';
import { serverTemplate } from './certificate/template.ts';

export interface ServerIdentityOptions {
  readonly authority: Authority;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly onFault: (error: unknown) => void;
  /** In milliseconds. */
  readonly ttl?: number;
  readonly clock?: Clock;
}

const day = 24 * 60 * 60_000;

/** The names under which proxies find the control plane of a namespace, in Istio's installs and in ours. */
export const dnsNamesIn = (namespace: string): readonly string[] => [
  'localhost',
  ...['istiod', 'keelson'].flatMap((service) => [
    `${service}.${namespace}`,
    `${service}.${namespace}.svc`,
    `${service}.${namespace}.svc.cluster.local`,
  ]),
];

export interface ServerIdentity extends TlsSource {
  /** Resolves when there is a certificate. */
  readonly ready: Promise<void>;
  readonly stop: () => void;
}

/** Starts to issue and renew at once. */
export function serverIdentity(options: ServerIdentityOptions): ServerIdentity {
  const {
    authority,
    clock = systemClock,
    ttl = day,
    dnsNames = dnsNamesIn('istio-system'),
    ipAddresses = ['127.0.0.1'],
  } = options;
  const listeners = new Set<(identity: TlsIdentity) => void>();
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  let current: TlsIdentity | undefined;
  const rotation = rotate({
    issue: () => authority.issue(serverTemplate(dnsNames, ipAddresses, clock.now(), ttl)),
    onIssued: ({ certificate, privateKey }) => {
      const identity = (current = {
        certificateChain: certificate + authority.bridge,
        privateKey,
        roots: authority.roots,
      });
      for (const listener of listeners) listener(identity);
      resolve();
    },
    onFault: options.onFault,
    clock,
  });
  const shown = (): string => [authority.id, authority.roots, authority.bridge].join('');
  let known = shown();
  const unsubscribe = authority.subscribe(() => {
    if (known !== (known = shown())) rotation.renew();
  });
  return {
    ready,
    stop: () => {
      unsubscribe();
      rotation.stop();
    },
    subscribe(onChange) {
      listeners.add(onChange);
      if (current !== undefined) onChange(current);
      return () => void listeners.delete(onChange);
    },
  };
}
