// How many messages a gRPC call had: Envoy's filter `grpc_stats` counts them, and leaves both numbers as one text that nothing
// in an access log can take apart. So a few lines of Lua do, for gRPC only: other requests pass without them.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/grpc_stats_filter
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/lua_filter
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { extension } from '../../typed.ts';
import type { Command } from './format.ts';
import { command } from './format.ts';

type HttpFilter = MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'];
type AccessLogFilter = MessageOf['envoy.config.accesslog.v3.AccessLogFilter'];
type Matcher = MessageOf['xds.type.matcher.v3.Matcher'];

const namespace = 'keelson.grpc_messages';
const grpcType = 'application/grpc';

/** Absent where there was no message. */
export const messageCount = (direction: 'request' | 'response'): Command =>
  command('DYNAMIC_METADATA', `${namespace}:${direction}`);

export const isGrpc: AccessLogFilter = {
  header_filter: { header: { name: 'content-type', string_match: { prefix: grpcType } } },
};

/**
 * With each part of a response, so that calls that are cut off have counted, too. Never fails: what is not there is not
 * kept.
 */
const script = `
local function keep(handle)
  local stats = handle:streamInfo():filterState():get("envoy.filters.http.grpc_stats")
  local requests, responses = string.match(tostring(stats or ""), "^(%d+),(%d+)$")
  if requests == nil then return end
  local metadata = handle:streamInfo():dynamicMetadata()
  metadata:set("${namespace}", "request", tonumber(requests))
  metadata:set("${namespace}", "response", tonumber(responses))
end

function envoy_on_response(handle)
  keep(handle)
  for _ in handle:bodyChunks() do keep(handle) end
  keep(handle)
end
`;

const notGrpc: Matcher = {
  matcher_list: {
    matchers: [
      {
        predicate: {
          not_matcher: {
            single_predicate: {
              input: extension('content-type', 'envoy.type.matcher.v3.HttpRequestHeaderMatchInput', {
                header_name: 'content-type',
              }),
              value_match: { prefix: grpcType },
            },
          },
        },
        on_match: { action: extension('skip', 'envoy.extensions.filters.common.matcher.action.v3.SkipFilter', {}) },
      },
    ],
  },
};

/** Stands before `grpc_stats`, so that a response has been counted when it comes here. */
export const messageFilter: HttpFilter = extension(
  namespace,
  'envoy.extensions.common.matching.v3.ExtensionWithMatcher',
  {
    extension_config: extension(namespace, 'envoy.extensions.filters.http.lua.v3.Lua', {
      default_source_code: { inline_string: script },
    }),
    xds_matcher: notGrpc,
  },
);
