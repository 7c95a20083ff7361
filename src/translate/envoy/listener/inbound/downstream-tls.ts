// How a sidecar terminates TLS: mutual TLS of the mesh, or what a Sidecar's ingress listener asks for.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/transport_sockets/tls/v3/tls.proto
import { memo } from '../../../../model/memo.ts';
import type { MeshSettings } from '../../../../model/mesh.ts';
import type { ServerTLSSettings } from '../../../../model/schema/index.ts';
import { at } from '../../../../model/source.ts';
import type { MessageOf } from '../../../../xds/generated/messages.ts';
import { from, merge } from '../../../provenance.ts';
import { extension } from '../../../typed.ts';
import { meshIdentity, secret } from '../../sds.ts';

type TransportSocket = MessageOf['envoy.config.core.v3.TransportSocket'];
type CommonTlsContext = MessageOf['envoy.extensions.transport_sockets.tls.v3.CommonTlsContext'];
type DownstreamTlsContext = MessageOf['envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'];
type TlsParameters = MessageOf['envoy.extensions.transport_sockets.tls.v3.TlsParameters'];
type CertificateValidationContext = MessageOf['envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext'];

const defaultCipherSuites: readonly string[] = [
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-GCM-SHA256',
];

const applicationProtocols: readonly string[] = ['h2', 'http/1.1'];

/** The caller must have a certificate of the mesh's authority, for an identity in one of the mesh's trust domains. */
export const meshTls = memo((settings: MeshSettings): TransportSocket => {
  const domains = [...new Set([settings.trustDomain, ...(settings.trustDomainAliases ?? [])])].toSorted();
  const context = meshIdentity({
    match_subject_alt_names: domains.map((domain) => ({ prefix: `spiffe://${domain}/` })),
  });
  return tlsSocket({
    common_tls_context: { ...context, alpn_protocols: applicationProtocols, tls_params: meshTlsParameters(settings) },
    require_client_certificate: true,
  });
});

function meshTlsParameters({ meshMTLS, source }: MeshSettings): TlsParameters {
  const suites = meshMTLS?.cipherSuites ?? [];
  const asked: TlsParameters = {
    ...(meshMTLS?.minProtocolVersion === 'TLSV1_3' && { tls_minimum_protocol_version: 'TLSv1_3' }),
    ...(suites.length > 0 && { cipher_suites: suites }),
  };
  return merge<TlsParameters>(
    {
      tls_minimum_protocol_version: 'TLSv1_2',
      tls_maximum_protocol_version: 'TLSv1_3',
      cipher_suites: defaultCipherSuites,
    },
    from(at(source, 'meshMTLS'), asked),
  );
}

/** TLS for callers outside the mesh, with a certificate of the user's own. */
export function serverTls(tls: ServerTLSSettings): TransportSocket {
  const mutual = tls.mode === 'MUTUAL' || tls.mode === 'OPTIONAL_MUTUAL';
  const parameters = serverTlsParameters(tls);
  const context: CommonTlsContext = {
    alpn_protocols: applicationProtocols,
    tls_certificate_sds_secret_configs: [secret(certificateName(tls))],
    ...(mutual && {
      combined_validation_context: {
        default_validation_context: callerValidation(tls),
        validation_context_sds_secret_config: secret(rootsName(tls)),
      },
    }),
    ...(Object.keys(parameters).length > 0 && { tls_params: parameters }),
  };
  return tlsSocket({ common_tls_context: context, require_client_certificate: tls.mode === 'MUTUAL' });
}

/** Secrets are named by where their content is. */
const certificateName = ({ credentialName, serverCertificate, privateKey }: ServerTLSSettings): string =>
  credentialName === undefined
    ? `file-cert:${serverCertificate ?? ''}~${privateKey ?? ''}`
    : `kubernetes://${credentialName}`;

const rootsName = ({ credentialName, caCertificates }: ServerTLSSettings): string =>
  credentialName === undefined ? `file-root:${caCertificates ?? ''}` : `kubernetes://${credentialName}-cacert`;

function callerValidation({
  subjectAltNames,
  verifyCertificateSpki,
  verifyCertificateHash,
}: ServerTLSSettings): CertificateValidationContext {
  return {
    ...(subjectAltNames !== undefined && { match_subject_alt_names: subjectAltNames.map((exact) => ({ exact })) }),
    ...(verifyCertificateSpki !== undefined && { verify_certificate_spki: verifyCertificateSpki }),
    ...(verifyCertificateHash !== undefined && { verify_certificate_hash: verifyCertificateHash }),
  };
}

function serverTlsParameters({
  minProtocolVersion,
  maxProtocolVersion,
  cipherSuites,
}: ServerTLSSettings): TlsParameters {
  const lowest = protocolVersion(minProtocolVersion);
  const highest = protocolVersion(maxProtocolVersion);
  return {
    ...(lowest !== undefined && { tls_minimum_protocol_version: lowest }),
    ...(highest !== undefined && { tls_maximum_protocol_version: highest }),
    ...(cipherSuites !== undefined && cipherSuites.length > 0 && { cipher_suites: cipherSuites }),
  };
}

const versions = { TLSV1_0: 'TLSv1_0', TLSV1_1: 'TLSv1_1', TLSV1_2: 'TLSv1_2', TLSV1_3: 'TLSv1_3' } as const;

const protocolVersion = (
  version: ServerTLSSettings['minProtocolVersion'],
): NonNullable<TlsParameters['tls_minimum_protocol_version']> | undefined =>
  version === undefined || version === 'TLS_AUTO' ? undefined : versions[version];

const tlsSocket = (context: DownstreamTlsContext): TransportSocket =>
  extension('envoy.transport_sockets.tls', 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', context);
