// What a Secret or a ConfigMap is to Envoy: a certificate with its key, or the authorities that peers are checked against.
// https://istio.io/latest/docs/tasks/traffic-management/ingress/secure-ingress/#key-formats
import { memo } from '../../model/memo.ts';
import type { Resource } from '../../model/envoy/resource.ts';
import { resourceTypes } from '../../model/envoy/resource.ts';
import type { KindMap } from '../../model/schema/index.ts';

type Secret = KindMap['Secret'];
type ConfigMap = KindMap['ConfigMap'];

/** Undefined without a certificate and the key that belongs to it. The same resource as long as the object is the same. */
export const keyPair = memo((secret: Secret, name: string): Resource | undefined => {
  if (secret.keyPairFault() !== undefined) return undefined;
  const generic = secret.data['cert'] !== undefined && secret.data['key'] !== undefined;
  const staple = value(secret, 'tls.ocsp-staple');
  return resource(name, {
    tls_certificate: {
      certificate_chain: bytes(value(secret, generic ? 'cert' : 'tls.crt')),
      private_key: bytes(value(secret, generic ? 'key' : 'tls.key')),
      ...(staple !== '' && { ocsp_staple: bytes(staple) }),
    },
  });
});

/** Undefined without a certificate of an authority. */
export const authorities = memo((object: Secret | ConfigMap, name: string): Resource | undefined => {
  if (object.bundleFault() !== undefined) return undefined;
  const revoked = value(object, 'crl') || value(object, 'ca.crl');
  return resource(name, {
    validation_context: {
      trusted_ca: bytes(value(object, 'cacert') || value(object, 'ca.crt')),
      ...(revoked !== '' && { crl: bytes(revoked) }),
    },
  });
});

/** In base64, whichever kind of object it is in; '' without it. */
function value({ data }: Secret | ConfigMap, key: string): string {
  const found = data[key];
  if (found === undefined) return '';
  return typeof found === 'string' ? Buffer.from(found).toString('base64') : found.reveal().replaceAll(/\s/g, '');
}

const bytes = (inline_bytes: string) => ({ inline_bytes });

const resource = (name: string, message: object): Resource => ({
  type: resourceTypes.secret,
  name,
  message: { name, ...message },
});
