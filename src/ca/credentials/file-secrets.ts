// Secrets that lie in files beside the proxy: DestinationRules name them by path. We have no part in them but to say
// where they are, and Envoy reads them itself.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#ClientTLSSettings
import type { Resource } from '../../model/envoy/resource.ts';
import { resourceTypes } from '../../model/envoy/resource.ts';
import type { SecretSource } from '../../model/external/secret-source.ts';

const rootsPrefix = 'file-root:';
const certificatePrefix = 'file-cert:';

/** Where the images of Envoy, like Debian and its descendants, keep the authorities that everybody trusts. */
const systemRoots = '/etc/ssl/certs/ca-certificates.crt';

/** Serves `file-root:PATH`, `file-root:system` and `file-cert:CERTIFICATE~KEY`; has no other secrets. */
export const fileSecrets: SecretSource = {
  watch: (_workload, name, onChange) => onChange(fileSecret(name)),
};

function fileSecret(name: string): Resource | undefined {
  if (name.startsWith(rootsPrefix)) {
    const path = name.slice(rootsPrefix.length);
    return secret(name, { validation_context: { trusted_ca: { filename: path === 'system' ? systemRoots : path } } });
  }
  if (!name.startsWith(certificatePrefix)) return undefined;
  const [certificate = '', key = ''] = name.slice(certificatePrefix.length).split('~');
  return secret(name, {
    tls_certificate: { certificate_chain: { filename: certificate }, private_key: { filename: key } },
  });
}

const secret = (name: string, message: object): Resource => ({
  type: resourceTypes.secret,
  name,
  message: { name, ...message },
});

/** Whether a secret of this name lies in a file beside the proxy. */
export const isFileSecret = (name: string): boolean =>
  name.startsWith(rootsPrefix) || name.startsWith(certificatePrefix);
