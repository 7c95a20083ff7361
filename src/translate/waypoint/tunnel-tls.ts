// Mutual TLS of the mesh around tunnels: its newest version only, and HTTP/2 inside.
// https://istio.io/latest/docs/ambient/architecture/hbone/
import type { MeshSettings } from '../../model/mesh/mesh.ts';
import type { MessageOf } from '../../xds/generated/messages.ts';
import { trustDomains } from '../envoy/rbac/trust-domain.ts';
import { meshIdentity } from '../envoy/sds.ts';
import { extension } from '../typed.ts';

type TransportSocket = MessageOf['envoy.config.core.v3.TransportSocket'];
type CommonTlsContext = MessageOf['envoy.extensions.transport_sockets.tls.v3.CommonTlsContext'];

/** At the end of tunnels: whoever begins them has an identity of the mesh. */
export const tunnelServerTls = (settings: MeshSettings): TransportSocket =>
  extension('tls', 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
    common_tls_context: tunnelTls(settings, []),
    require_client_certificate: true,
  });

/** Where they begin. `accounts` are further prefixes of identities that the other end may have. */
export const tunnelClientTls = (settings: MeshSettings, accounts: readonly string[] = []): TransportSocket =>
  extension('tls', 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
    common_tls_context: tunnelTls(settings, accounts),
  });

const tunnelTls = (settings: MeshSettings, accounts: readonly string[]): CommonTlsContext => ({
  ...meshIdentity({
    match_typed_subject_alt_names: [...trustDomains(settings).map((domain) => `spiffe://${domain}/`), ...accounts].map(
      (prefix) => ({ san_type: 'URI' as const, matcher: { prefix } }),
    ),
  }),
  alpn_protocols: ['h2'],
  tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
});
