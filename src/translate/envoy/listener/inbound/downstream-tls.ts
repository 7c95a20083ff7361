// How a sidecar terminates the mesh's mutual TLS.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/transport_sockets/tls/v3/tls.proto
import { memo } from '../../../../model/memo.ts';
import type { MeshSettings } from '../../../../model/mesh/mesh.ts';
import { at } from '../../../../model/source.ts';
import type { MessageOf } from '../../../../xds/generated/messages.ts';
import { from, merge } from '../../../provenance.ts';
import { meshIdentity } from '../../sds.ts';
import { tlsSocket } from '../server-tls.ts';

type TransportSocket = MessageOf['envoy.config.core.v3.TransportSocket'];
type TlsParameters = MessageOf['envoy.extensions.transport_sockets.tls.v3.TlsParameters'];

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
