// How TLS of a server ends: with certificates of the user's own, or those of the mesh, for servers of a Gateway and of a
// Sidecar's ingress listener.
// https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings
import { usableCipherSuites } from '../../../model/envoy/cipher-suites.ts';
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { ServerTLSSettings } from '../../../model/schema/index.ts';
import { at } from '../../../model/source.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { from, merge } from '../../provenance.ts';
import { extension } from '../../typed.ts';
import { meshRoots, secret, workloadCertificate } from '../sds.ts';

type TransportSocket = MessageOf['envoy.config.core.v3.TransportSocket'];
type CommonTlsContext = MessageOf['envoy.extensions.transport_sockets.tls.v3.CommonTlsContext'];
type DownstreamTlsContext = MessageOf['envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'];
type TlsParameters = MessageOf['envoy.extensions.transport_sockets.tls.v3.TlsParameters'];
type ValidationContext = MessageOf['envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext'];

/** What runs over the connection: HTTP or plain bytes over TCP, or HTTP/3. */
export type Transport = 'http' | 'tcp' | 'quic';

const applicationProtocols: Readonly<Record<Transport, readonly string[]>> = {
  http: ['h2', 'http/1.1'],
  tcp: ['h2', 'http/1.1'],
  quic: ['h3'],
};

/** For any mode that ends TLS here. Envoy cannot ask for client certificates over QUIC: it checks those that are shown. */
export function serverTls(settings: MeshSettings, tls: ServerTLSSettings, transport: Transport): DownstreamTlsContext {
  const parameters = ownParameters(tls) ? tlsParameters(settings, tls) : {};
  const required = tls.mode === 'MUTUAL' || tls.mode === 'ISTIO_MUTUAL';
  const context: CommonTlsContext = {
    alpn_protocols: applicationProtocols[transport],
    tls_certificate_sds_secret_configs: certificateNames(tls).map(secret),
    ...clientValidation(tls, required || tls.mode === 'OPTIONAL_MUTUAL'),
    ...(Object.keys(parameters).length > 0 && { tls_params: parameters }),
  };
  return { common_tls_context: context, require_client_certificate: required && transport !== 'quic' };
}

export const tlsSocket = (context: DownstreamTlsContext): TransportSocket =>
  extension('envoy.transport_sockets.tls', 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', context);

export const quicSocket = (context: DownstreamTlsContext): TransportSocket =>
  extension('envoy.transport_sockets.quic', 'envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport', {
    downstream_tls_context: context,
  });

/** Mutual TLS of the mesh has parameters of its own. */
const ownParameters = ({ mode }: ServerTLSSettings): boolean =>
  mode === 'SIMPLE' || mode === 'MUTUAL' || mode === 'OPTIONAL_MUTUAL';

/** The Secrets of its namespace that a server names; none when its certificates lie in files. */
const credentials = ({ credentialName, credentialNames = [] }: ServerTLSSettings): readonly string[] =>
  credentialNames.length > 0 ? credentialNames : credentialName === undefined || credentialName === '' ? [] : [credentialName]; // prettier-ignore

/** Secrets are named by where their content is. */
function certificateNames(tls: ServerTLSSettings): readonly string[] {
  if (tls.mode === 'ISTIO_MUTUAL') return [workloadCertificate];
  const named = credentials(tls);
  if (named.length > 0) return named.map(credentialSecret);
  const files = (tls.tlsCertificates ?? []).length > 0 ? (tls.tlsCertificates ?? []) : [tls];
  return files.map(
    ({ serverCertificate = '', privateKey = '' }: Pick<ServerTLSSettings, 'serverCertificate' | 'privateKey'>) =>
      `file-cert:${serverCertificate}~${privateKey}`,
  );
}

/** A name that already says where to look stays as it is; the proxy's own certificate has a name of its own. */
function credentialSecret(name: string): string {
  if (name === 'builtin://') return workloadCertificate;
  return name.includes('://') ? name : `kubernetes://${name}`;
}

/** The authorities that clients are checked against: by a name of their own, or beside the (first) certificate. */
function rootsName(tls: ServerTLSSettings): string {
  if (tls.mode === 'ISTIO_MUTUAL') return meshRoots;
  const [first] = credentials(tls);
  if (first === undefined) return `file-root:${tls.caCertificates ?? ''}`;
  return credentialSecret(tls.caCertCredentialName || `${first}-cacert`);
}

function clientValidation(
  tls: ServerTLSSettings,
  mutual: boolean,
): Pick<CommonTlsContext, 'combined_validation_context' | 'validation_context'> {
  if (mutual) {
    return {
      combined_validation_context: {
        default_validation_context: callerChecks(tls),
        validation_context_sds_secret_config: secret(rootsName(tls)),
      },
    };
  }
  const names = tls.subjectAltNames ?? [];
  return names.length > 0 && credentials(tls).length > 0
    ? { validation_context: { match_subject_alt_names: exactNames(names) } }
    : {};
}

const exactNames = (names: readonly string[]) => names.map((exact) => ({ exact }));

function callerChecks(tls: ServerTLSSettings): ValidationContext {
  const { subjectAltNames = [], verifyCertificateSpki = [], verifyCertificateHash = [], caCrl = '' } = tls;
  const fromFiles = credentials(tls).length === 0;
  return {
    ...(subjectAltNames.length > 0 && { match_subject_alt_names: exactNames(subjectAltNames) }),
    ...(verifyCertificateSpki.length > 0 && { verify_certificate_spki: verifyCertificateSpki }),
    ...(verifyCertificateHash.length > 0 && { verify_certificate_hash: verifyCertificateHash }),
    ...(caCrl !== '' && fromFiles && { crl: { filename: caCrl } }),
    ...(tls.insecureSkipVerify === true && { trust_chain_verification: 'ACCEPT_UNTRUSTED' as const }),
  };
}

/** The mesh's defaults, each replaced by what the server asks for itself. */
function tlsParameters({ tlsDefaults, source }: MeshSettings, tls: ServerTLSSettings): TlsParameters {
  const lowest = protocolVersion(tls.minProtocolVersion);
  const highest = protocolVersion(tls.maxProtocolVersion);
  const suites = usableCipherSuites(tls.cipherSuites ?? []);
  return merge<TlsParameters>(
    from(at(source, 'tlsDefaults'), defaultParameters(tlsDefaults)),
    lowest === undefined ? undefined : { tls_minimum_protocol_version: lowest },
    highest === undefined ? undefined : { tls_maximum_protocol_version: highest },
    suites.length === 0 ? undefined : { cipher_suites: suites },
    (tls.ecdhCurves ?? []).length === 0 ? undefined : { ecdh_curves: tls.ecdhCurves ?? [] },
  );
}

function defaultParameters(defaults: MeshSettings['tlsDefaults']): TlsParameters {
  const { ecdhCurves = [], cipherSuites = [], minProtocolVersion } = defaults ?? {};
  const lowest = protocolVersion(minProtocolVersion);
  return {
    ...(ecdhCurves.length > 0 && { ecdh_curves: ecdhCurves }),
    ...(cipherSuites.length > 0 && { cipher_suites: cipherSuites }),
    ...(lowest !== undefined && { tls_minimum_protocol_version: lowest }),
  };
}

const versions = { TLSV1_0: 'TLSv1_0', TLSV1_1: 'TLSv1_1', TLSV1_2: 'TLSv1_2', TLSV1_3: 'TLSv1_3' } as const;

const protocolVersion = (
  version: ServerTLSSettings['minProtocolVersion'],
): NonNullable<TlsParameters['tls_minimum_protocol_version']> | undefined =>
  version === undefined || version === 'TLS_AUTO' ? undefined : versions[version];
