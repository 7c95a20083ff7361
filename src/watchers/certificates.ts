// Whether what a Secret or a ConfigMap holds can be used as certificates. Looked at when somebody asks, and once: most Secrets are
// nobody's certificate.
// https://kubernetes.io/docs/concepts/configuration/secret/#tls-secrets
import type { Validity } from '../model/schema/index.ts';

import { createPrivateKey, X509Certificate } from 'node:crypto';

/** The text of a key; undefined without it. */
export type Values = (key: string) => string | undefined;

/** What is wrong with the certificate and key that a server is to show. */
export const keyPairFault = (values: Values): (() => string | undefined) =>
  once(() => {
    const [certificate, key] = keyPair(values);
    if (certificate === undefined || certificate === '') return 'it has no certificate in tls.crt';
    if (key === undefined || key === '') return 'it has no key in tls.key';
    const leaf = readCertificate(certificate);
    if (leaf === undefined) return 'its certificate is malformed';
    try {
      return leaf.checkPrivateKey(createPrivateKey(key)) ? undefined : 'its key is not that of its certificate';
    } catch {
      return 'its key is malformed';
    }
  });

/** How long the certificate is good; undefined for what is none. */
export const keyPairValidity = (values: Values): (() => Validity | undefined) =>
  once(() => {
    const leaf = readCertificate(keyPair(values)[0] ?? '');
    return leaf && { from: Date.parse(leaf.validFrom), to: Date.parse(leaf.validTo) };
  });

const keyPair = (values: Values): readonly (string | undefined)[] =>
  values('cert') !== undefined && values('key') !== undefined
    ? [values('cert'), values('key')]
    : [values('tls.crt'), values('tls.key')];

/** What is wrong with the certificates of authorities that others are held against. */
export const bundleFault = (values: Values): (() => string | undefined) =>
  once(() => {
    const bundle = values('cacert') || values('ca.crt');
    if (bundle === undefined || bundle === '') return 'it has no CA certificate in ca.crt';
    return readCertificate(bundle) === undefined ? 'its CA certificate is malformed' : undefined;
  });

/** The first one of several. */
function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
