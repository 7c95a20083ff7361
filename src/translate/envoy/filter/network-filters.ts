// What stands around the terminal filter of a chain: who the peer is, before it, and protocols that are observed in passing.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/network_filters/network_filters
import type { Protocol } from '../../../model/mesh/mesh.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { extension } from '../../typed.ts';
import type { ChainTraffic } from '../extension/extension-filters.ts';
import { networkExtensions } from '../extension/extension-filters.ts';
import type { ConnectionFacts } from '../listener/listener-facts.ts';
import type { Guard } from '../rbac/guard.ts';

type Filter = MessageOf['envoy.config.listener.v3.Filter'];
type FilterStateValue = MessageOf['envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue'];

/** The filters of a TCP chain: MongoDB's protocol is counted on its way through. */
export function tcpFilters(protocol: Protocol, statPrefix: string, terminal: Filter): readonly Filter[] {
  if (protocol !== 'Mongo') return [terminal];
  return [
    extension('envoy.filters.network.mongo_proxy', 'envoy.extensions.filters.network.mongo_proxy.v3.MongoProxy', {
      stat_prefix: statPrefix,
    }),
    terminal,
  ];
}

/** What a connection goes through before it is forwarded: who may talk, and code of users in its phases around that. */
export function connectionGuard(guard: Guard, connection: ConnectionFacts, traffic: ChainTraffic): readonly Filter[] {
  const { AUTHN, AUTHZ, STATS, UNSPECIFIED } = networkExtensions(connection.extensions, traffic);
  return [...guard.external.tcp, ...AUTHN, ...AUTHZ, ...guard.authorization.tcp, ...STATS, ...UNSPECIFIED];
}

/** One relative name of the peer certificate's subject, without a regular expression that could backtrack. */
const fromSubject = (key: string, attribute: string): FilterStateValue => ({
  object_key: `mesh.peer.${key}`,
  factory_key: 'envoy.string',
  skip_if_empty: true,
  format_string: {
    omit_empty_values: true,
    text_format_source: {
      inline_string: `%CEL(re.extract(connection.subject_peer_certificate, '(?:^|.*,)${attribute}=([^,]*).*', '\\\\1'))%`,
    },
  },
});

/**
 * Who the peer of a mutual TLS connection is, read once per connection from the certificate that the mesh's authority
 * issued, so that metrics and logs can name it.
 */
export const peerMetadata: Filter = extension(
  'keelson.peer_metadata',
  'envoy.extensions.filters.network.set_filter_state.v3.Config',
  {
    on_downstream_tls_handshake: [
      fromSubject('workload', 'OU'),
      fromSubject('namespace', 'O'),
      fromSubject('app', 'CN'),
      fromSubject('version', 'L'),
      fromSubject('cluster', 'ST'),
    ],
  },
);
