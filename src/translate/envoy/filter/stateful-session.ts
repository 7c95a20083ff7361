// Session affinity that survives changes of the endpoints: the answer to a client carries which endpoint it was, and the
// client's next requests go there while it still can be reached.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/stateful_session_filter
import { memo } from '../../../model/memo.ts';
import type { PersistentSession, Service } from '../../../model/mesh/mesh.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { duration } from '../../duration.ts';
import { from } from '../../provenance.ts';
import { extension, typed } from '../../typed.ts';

type HttpFilter = MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];
type PerFilterConfig = NonNullable<MessageOf['envoy.config.route.v3.VirtualHost']['typed_per_filter_config']>;

const name = 'envoy.filters.http.stateful_session';

/** Does nothing by itself: virtual hosts and routes say where it applies and how. */
export const statefulSession: HttpFilter = extension(
  name,
  'envoy.extensions.filters.http.stateful_session.v3.StatefulSession',
  {},
);

/** For the requests that lead to the service; nothing for one without sessions. */
export const sessionConfig = memo((service: Service): PerFilterConfig =>
  service.session === undefined ? {} : from(service.source, perRoute(service.session)),
);

/** For the requests of one route, wherever they lead. */
export const perRoute = (session: PersistentSession): PerFilterConfig => ({
  [name]: typed('envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute', {
    stateful_session: { session_state: sessionState(session) },
  }),
});

const sessionState = (session: PersistentSession) =>
  session.kind === 'cookie'
    ? extension(
        'envoy.http.stateful_session.cookie',
        'envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState',
        {
          cookie: {
            name: session.name,
            path: session.path,
            ...(session.lifetime !== undefined && { ttl: duration(session.lifetime) }),
          },
        },
      )
    : extension(
        'envoy.http.stateful_session.header',
        'envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState',
        { name: session.name },
      );
