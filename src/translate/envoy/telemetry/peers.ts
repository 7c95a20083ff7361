// Who is at the other end, for metrics. Whoever sends says so in the certificate that the mesh's authority gave it; it is
// read once per connection. Whom a request was sent to is known from the metadata of the endpoint and of the cluster that
// took it. There it stands in one piece: before the response goes back to the application a filter writes it into a header,
// and the next one takes the header away and keeps its parts. Both have compiled their patterns beforehand, unlike CEL.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/header_to_metadata_filter
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { extension } from '../../typed.ts';
import type { Command } from './format.ts';
import { cel, command } from './format.ts';

type HttpFilter = MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];
type Rule = MessageOf['envoy.extensions.filters.http.header_to_metadata.v3.Config.Rule'];

export type PeerPart = 'workload' | 'namespace' | 'app' | 'version' | 'cluster';
export type ServicePart = 'service' | 'service_name' | 'service_namespace';

/** Of a connection that comes in. */
export const callerPart = (part: PeerPart): Command => command('FILTER_STATE', `mesh.peer.${part}:PLAIN`);

/** Of a request that goes out. */
export const calledPart = (part: PeerPart | ServicePart): Command =>
  command('DYNAMIC_METADATA', `${namespace}:${part}`);

/** Of a connection that goes out: once per connection an expression costs nothing. */
export const connectedPart = (part: PeerPart | ServicePart): Command => cel(expressions[part]);

const header = 'x-keelson-destination';
const namespace = 'keelson.destination';

/** `WORKLOAD;NAMESPACE;CANONICALNAME;CANONICALREVISION;CLUSTER` */
const parts: readonly PeerPart[] = ['workload', 'namespace', 'app', 'version', 'cluster'];

/** In the order in which a response meets them, which is the reverse of a request's. */
export const destinationFilters = (): readonly HttpFilter[] => [keptParts, writtenHeader];

const writtenHeader: HttpFilter = extension(
  'keelson.destination_header',
  'envoy.extensions.filters.http.header_mutation.v3.HeaderMutation',
  {
    mutations: {
      response_mutations: [
        {
          append: {
            header: {
              key: header,
              value: '%UPSTREAM_METADATA(istio:workload)%|%CLUSTER_METADATA(istio:services)%|%UPSTREAM_CLUSTER_RAW%',
            },
            append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
          },
        },
      ],
    },
  },
);

/** Always the whole text matches: what has no such part becomes nothing, and nothing is not kept. */
const kept = (key: PeerPart | ServicePart, pattern: string): Rule => ({
  header,
  on_header_present: {
    metadata_namespace: namespace,
    key,
    regex_value_rewrite: { pattern: { regex: `^(?:${pattern})?.*$` }, substitution: '\\1' },
  },
});

const ofService = (field: string): string => `[^|]*\\|[^|]*?"${field}":"([^"|]*)"`;

const last: Rule = { ...kept('service_namespace', ofService('namespace')), remove: true };

const keptParts: HttpFilter = extension(namespace, 'envoy.extensions.filters.http.header_to_metadata.v3.Config', {
  response_rules: [
    ...parts.map((part, i) => kept(part, `${'[^;|]*;'.repeat(i)}([^;|]*)${i === parts.length - 1 ? '' : ';[^|]*'}\\|`)),
    kept('service_name', '.*\\|((?:Passthrough|BlackHole)Cluster)$'),
    kept('service_name', ofService('name')),
    kept('service', ofService('host')),
    last,
  ],
});

/** As short as can be: each stands in every listener several times. */
const ofEndpoint = (i: number): string =>
  `re.capture(xds.upstream_host_metadata.filter_metadata.istio.workload,'${skipped[i] ?? ''}([^;]*).*')`;
const skipped: readonly string[] = ['', '[^;]*;', '(?:[^;]*;){2}', '(?:[^;]*;){3}', '(?:[^;]*;){4}'];
const ofCluster = (field: string): string => `xds.cluster_metadata.filter_metadata.istio.services[0].${field}`;

const expressions: Readonly<Record<PeerPart | ServicePart, string>> = {
  workload: ofEndpoint(0),
  namespace: ofEndpoint(1),
  app: ofEndpoint(2),
  version: ofEndpoint(3),
  cluster: ofEndpoint(4),
  service: ofCluster('host'),
  service_name: ofCluster('name'),
  service_namespace: ofCluster('namespace'),
};
