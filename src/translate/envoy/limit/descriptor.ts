// What requests are counted by: conditions that they must meet, and attributes whose values are told apart. A request without
// an attribute counts as one with an empty value, so that leaving it out is no way around a limit.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-ratelimit-action
import type { RequestAttribute, RequestMatch } from '../../../model/schema/index.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { extension } from '../../typed.ts';
import type { Identities } from '../rbac/attribute.ts';
import { tunnelPeer } from '../rbac/attribute.ts';
import { quoted } from '../rbac/pattern.ts';

/** Where the caller's identity is. */
export type Peer = Identities['peer'];
export type Action = NonNullable<MessageOf['envoy.config.route.v3.RateLimit']['actions']>[number];
type HeaderMatcher = MessageOf['envoy.config.route.v3.HeaderMatcher'];

export const genericAction = (key: string, value: string): Action => ({
  generic_key: { descriptor_key: key, descriptor_value: value },
});

/** What it adds to descriptors of requests that match; for others there is no descriptor. */
export const matched = { key: 'match', value: 'yes' } as const;

export function matchActions(match: RequestMatch | undefined): readonly Action[] {
  const headers = headerMatchers(match ?? {});
  if (headers.length === 0) return [];
  return [{ header_value_match: { descriptor_key: matched.key, descriptor_value: matched.value, headers } }];
}

function headerMatchers({ methods = [], path, headers = [] }: RequestMatch): readonly HeaderMatcher[] {
  return [
    ...(methods.length === 0 ? [] : [pattern(':method', methods.map(quoted).join('|'))]),
    ...(path === undefined ? [] : [pattern(':path', pathPattern(path))]),
    ...headers.map(({ name, value }): HeaderMatcher =>
      value === undefined ? { name, present_match: true } : { name, string_match: { exact: value } },
    ),
  ];
}

const pattern = (name: string, regex: string): HeaderMatcher => ({ name, string_match: { safe_regex: { regex } } });

/** Whatever the query. */
const pathPattern = (path: string): string =>
  path.endsWith('*') ? `${quoted(path.slice(0, -1))}.*` : `${quoted(path)}([?#].*)?`;

/** Addresses have a key of their own. */
export const attributeKey = ({ address }: RequestAttribute, key: string): string =>
  address === true ? 'remote_address' : key;

/** The value of a request's attribute, under its key. Exactly one of the fields is set. */
export function attributeAction(attribute: RequestAttribute, key: string, peer: Peer): Action {
  const { header, claim, path, principal } = attribute;
  if (claim !== undefined) return claimAction(claim, key);
  if (header !== undefined) {
    const name = `'${header.toLowerCase()}'`;
    return expression(key, `${name} in request.headers ? request.headers[${name}] : ''`);
  }
  if (path === true) return expression(key, 'request.url_path');
  if (principal !== true) return { remote_address: {} };
  return expression(key, principals[peer]);
}

const principals: Readonly<Record<Peer, string>> = {
  connection: "has(connection.uri_san_peer_certificate) ? connection.uri_san_peer_certificate : ''",
  tunnel: `'${tunnelPeer}' in filter_state ? filter_state['${tunnelPeer}'] : ''`,
};

/** An expression in CEL; it must not fail. */
export const expression = (key: string, text: string): Action => ({
  extension: extension(
    'envoy.rate_limit_descriptors.expr',
    'envoy.extensions.rate_limit_descriptors.expr.v3.Descriptor',
    {
      descriptor_key: key,
      text,
    },
  ),
});

const claimAction = (claim: string, key: string): Action => ({
  metadata: {
    descriptor_key: key,
    metadata_key: { key: 'envoy.filters.http.jwt_authn', path: [{ key: 'payload' }, { key: claim }] },
    default_value: '-',
    source: 'DYNAMIC',
  },
});
