// The files in which Envoy finds its credentials for the control plane. They name other files, which are read again
// whenever these change.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/security/secret#rotating-an-sds-private-key-and-certificate
import { typed } from '../translate/typed.ts';

/** The file `xds-ca.yaml`: which authority may have signed the control plane's certificate, and its name. */
export function caSecretFile(rootFile: string, serverName: string): { readonly resources: readonly object[] } {
  const secret = typed('envoy.extensions.transport_sockets.tls.v3.Secret', {
    name: 'xds_ca',
    validation_context: {
      trusted_ca: { filename: rootFile },
      watched_directory: { path: directoryOf(rootFile) },
      match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: serverName } }],
    },
  });
  return { resources: [secret] };
}

/** The file `xds-token.yaml`: where the bearer token is. */
export function tokenSecretFile(tokenFile: string): { readonly resources: readonly object[] } {
  const secret = typed('envoy.extensions.transport_sockets.tls.v3.Secret', {
    name: 'xds_token',
    generic_secret: { secret: { filename: tokenFile, watched_directory: { path: directoryOf(tokenFile) } } },
  });
  return { resources: [secret] };
}

const directoryOf = (file: string): string => file.slice(0, file.lastIndexOf('/')) || '/';
