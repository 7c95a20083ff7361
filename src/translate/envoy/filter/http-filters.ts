// The HTTP filters of a sidecar's connection managers, in the order in which Envoy runs them.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/http_filters
import type { ExtensionPhase } from '../../../model/mesh/extension.ts';
import { sharedList } from '../../../model/memo.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { extension } from '../../typed.ts';
import type { HttpExtensions } from '../extension/extension-filters.ts';
import type { Guard } from '../rbac/guard.ts';
import { messageFilter } from '../telemetry/grpc-messages.ts';
import { destinationFilters } from '../telemetry/peers.ts';
import { statefulSession } from './stateful-session.ts';

type HttpFilter = MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];

/** All that decides which filters run and how. */
export interface HttpFilterFacts {
  /** Who may come in. */
  readonly guard: Guard;
  /** Code of users, by where it runs. */
  readonly extensions: HttpExtensions;
  /** Browsers' gRPC is turned into plain gRPC. */
  readonly grpcWeb: boolean;
  /** Clients may be bound to endpoints. */
  readonly sessions: boolean;
  /** Traffic is counted: that which comes in, or that which goes out, of which metrics have to know where it went. */
  readonly metered: 'received' | 'sent' | undefined;
  /** The messages of gRPC, too. */
  readonly messagesMetered: boolean;
  /** The router adds no `x-envoy-*` headers. */
  readonly suppressEnvoyHeaders: boolean;
}

type Entry = (facts: HttpFilterFacts) => HttpFilter | readonly HttpFilter[] | undefined;

const externalAuthorization: Entry = ({ guard }) => guard.external.http;
const authentication: Entry = ({ guard }) => guard.authentication.http;
const authorization: Entry = ({ guard }) => guard.authorization.http;

const limits: Entry = ({ guard }) => guard.limits;

const extensionsOf =
  (phase: ExtensionPhase): Entry =>
  ({ extensions }) =>
    extensions[phase];

const grpcWebFilter = extension('envoy.filters.http.grpc_web', 'envoy.extensions.filters.http.grpc_web.v3.GrpcWeb', {});
const grpcWeb: Entry = (facts) => (facts.grpcWeb ? grpcWebFilter : undefined);

const grpcStatsFilter = extension(
  'envoy.filters.http.grpc_stats',
  'envoy.extensions.filters.http.grpc_stats.v3.FilterConfig',
  { emit_filter_state: true, stats_for_all_methods: false },
);
const grpcStats: Entry = () => grpcStatsFilter;

const grpcMessages: Entry = (facts) => (facts.messagesMetered ? messageFilter : undefined);

const faultFilter = extension('envoy.filters.http.fault', 'envoy.extensions.filters.http.fault.v3.HTTPFault', {});
const fault: Entry = () => faultFilter;

const corsFilter = extension('envoy.filters.http.cors', 'envoy.extensions.filters.http.cors.v3.Cors', {});
const cors: Entry = () => corsFilter;

const sessions: Entry = (facts) => (facts.sessions ? statefulSession : undefined);

const destinations: Entry = (facts) => (facts.metered === 'sent' ? destinationFilters() : undefined);

const routerFilter = (options: MessageOf['envoy.extensions.filters.http.router.v3.Router'] & object): HttpFilter =>
  extension('envoy.filters.http.router', 'envoy.extensions.filters.http.router.v3.Router', options);
const usualRouter = routerFilter({});
const silentRouter = routerFilter({ suppress_envoy_headers: true });
const router: Entry = (facts) => (facts.suppressEnvoyHeaders ? silentRouter : usualRouter);

const entries: readonly Entry[] = [
  externalAuthorization,
  extensionsOf('AUTHN'),
  authentication,
  extensionsOf('AUTHZ'),
  authorization,
  limits,
  extensionsOf('STATS'),
  extensionsOf('UNSPECIFIED'),
  grpcWeb,
  grpcMessages,
  grpcStats,
  fault,
  cors,
  sessions,
  destinations,
  router,
];

/** The same list wherever the same filters run. */
export const httpFilters = (facts: HttpFilterFacts): readonly HttpFilter[] =>
  sharedList(entries.flatMap((entry) => entry(facts) ?? []));
