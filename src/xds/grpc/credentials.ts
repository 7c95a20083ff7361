// TLS for the xDS port: the certificate in force and the roots that clients are checked against are read anew for
// every connection, so that neither needs a restart. A client need not show a certificate, for it may have a token.
import type { TlsIdentity, TlsSource } from '../../model/external/secret-source.ts';
import { experimental, type ServerCredentials } from '@grpc/grpc-js';

type Provider = Parameters<typeof experimental.createCertificateProviderServerCredentials>[0];
type Listener<T> = (update: T | null) => void;

export function tlsCredentials(source: TlsSource): ServerCredentials {
  const provider = certificateProvider(source);
  return experimental.createCertificateProviderServerCredentials(provider, provider, false);
}

function certificateProvider(source: TlsSource): Provider {
  const stops = new Map<object, () => void>();
  /** grpc-js hears nothing before it has finished to add its listener, so not even what is there already is told now. */
  const add = <T>(listener: Listener<T>, part: (identity: TlsIdentity) => T): void => {
    const tell = (identity: TlsIdentity): void => queueMicrotask(() => listener(part(identity)));
    stops.set(listener, source.subscribe(tell));
  };
  const remove = (listener: object): void => {
    stops.get(listener)?.();
    stops.delete(listener);
  };
  return {
    addCaCertificateListener: (listener) => add(listener, ({ roots }) => ({ caCertificate: Buffer.from(roots) })),
    addIdentityCertificateListener: (listener) => add(listener, keyPair),
    removeCaCertificateListener: remove,
    removeIdentityCertificateListener: remove,
  };
}

function keyPair({ certificateChain, privateKey }: TlsIdentity): { certificate: Buffer; privateKey: Buffer } {
  return { certificate: Buffer.from(certificateChain), privateKey: Buffer.from(privateKey) };
}
