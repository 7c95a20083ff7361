// What Envoy's RBAC filter decides, by the documentation of its messages: a small reading of our own, for tests that ask
// what policies mean rather than how they are written.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/rbac/v3/rbac.proto
import type { MessageOf } from '../../../src/xds/generated/messages.ts';

type Rbac = MessageOf['envoy.config.rbac.v3.RBAC'];
type Permission = MessageOf['envoy.config.rbac.v3.Permission'];
type Principal = MessageOf['envoy.config.rbac.v3.Principal'];
type StringMatcher = MessageOf['envoy.type.matcher.v3.StringMatcher'];
type HeaderMatcher = MessageOf['envoy.config.route.v3.HeaderMatcher'];
type MetadataMatcher = MessageOf['envoy.type.matcher.v3.MetadataMatcher'];
type ValueMatcher = MessageOf['envoy.type.matcher.v3.ValueMatcher'];

export interface Seen {
  /** `:authority`, `:method` among them; names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly path?: string;
  readonly port?: number;
  readonly serverName?: string;
  /** `spiffe://...` */
  readonly identity?: string;
  readonly address?: string;
  /** The verified token's claims. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** Names of the entries that match. */
export const matchingEntries = ({ policies = {} }: Rbac, seen: Seen): readonly string[] =>
  Object.entries(policies)
    .filter(([, { permissions = [], principals = [] }]) => {
      const asked = permissions.some((permission) => permits(permission, seen));
      return asked && principals.some((principal) => isOne(principal, seen));
    })
    .map(([name]) => name);

function permits(permission: Permission, seen: Seen): boolean {
  if (permission.any === true) return true;
  if (permission.and_rules) return (permission.and_rules.rules ?? []).every((rule) => permits(rule, seen));
  if (permission.or_rules) return (permission.or_rules.rules ?? []).some((rule) => permits(rule, seen));
  if (permission.not_rule) return !permits(permission.not_rule, seen);
  if (permission.header) return headerMatches(permission.header, seen);
  if (permission.url_path) return textMatches(permission.url_path.path ?? {}, (seen.path ?? '').split('?')[0] ?? '');
  if (permission.destination_port !== undefined) return permission.destination_port === seen.port;
  if (permission.requested_server_name) return textMatches(permission.requested_server_name, seen.serverName ?? '');
  throw new Error(`not read: ${JSON.stringify(permission)}`);
}

function isOne(principal: Principal, seen: Seen): boolean {
  if (principal.any === true) return true;
  if (principal.and_ids) return (principal.and_ids.ids ?? []).every((id) => isOne(id, seen));
  if (principal.or_ids) return (principal.or_ids.ids ?? []).some((id) => isOne(id, seen));
  if (principal.not_id) return !isOne(principal.not_id, seen);
  if (principal.header) return headerMatches(principal.header, seen);
  if (principal.metadata) return metadataMatches(principal.metadata, seen);
  if (principal.authenticated)
    return seen.identity !== undefined && textMatches(principal.authenticated.principal_name ?? {}, seen.identity);
  const block = principal.direct_remote_ip ?? principal.remote_ip;
  if (block) return isWithin(seen.address ?? '', block.address_prefix ?? '', block.prefix_len ?? 0);
  throw new Error(`not read: ${JSON.stringify(principal)}`);
}

export function textMatches(matcher: StringMatcher, text: string): boolean {
  const fold = (value: string): string => (matcher.ignore_case === true ? value.toLowerCase() : value);
  if (matcher.exact !== undefined) return fold(text) === fold(matcher.exact);
  if (matcher.prefix !== undefined) return fold(text).startsWith(fold(matcher.prefix));
  if (matcher.suffix !== undefined) return fold(text).endsWith(fold(matcher.suffix));
  return new RegExp(`^(?:${matcher.safe_regex?.regex ?? ''})$`, 'su').test(text);
}

function headerMatches({ name = '', present_match, string_match }: HeaderMatcher, { headers = {} }: Seen): boolean {
  const value = headers[name.toLowerCase()];
  return value !== undefined && (present_match === true || textMatches(string_match ?? {}, value));
}

function metadataMatches({ path = [], value }: MetadataMatcher, { claims = {} }: Seen): boolean {
  let found: unknown = { payload: claims };
  for (const { key = '' } of path) found = (found as Record<string, unknown> | undefined)?.[key];
  return valueMatches(value ?? {}, found);
}

function valueMatches({ string_match, list_match, or_match }: ValueMatcher, value: unknown): boolean {
  if (or_match) return (or_match.value_matchers ?? []).some((matcher) => valueMatches(matcher, value));
  if (list_match) return Array.isArray(value) && value.some((item) => valueMatches(list_match.one_of ?? {}, item));
  return typeof value === 'string' && textMatches(string_match ?? {}, value);
}

function isWithin(address: string, network: string, length: number): boolean {
  const bits = (text: string): string =>
    text
      .split('.')
      .map((byte) => Number(byte).toString(2).padStart(8, '0'))
      .join('');
  return bits(address).slice(0, length) === bits(network).slice(0, length);
}
