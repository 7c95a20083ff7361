// What a rule's values are compared with: each attribute of a request or connection as Envoy's RBAC filter has it. An
// attribute is of the request's sender (a principal) or of what is asked for (a permission), and some are of HTTP alone.
// https://istio.io/latest/docs/reference/config/security/conditions/
import type { MessageOf } from '../../../xds/generated/messages.ts';
import {
  addressBlock,
  claimPattern,
  claimText,
  headerPattern,
  metadataPattern,
  quoted,
  regex,
  textPattern,
} from './pattern.ts';
import { withAliases } from './trust-domain.ts';

type Permission = MessageOf['envoy.config.rbac.v3.Permission'];
type Principal = MessageOf['envoy.config.rbac.v3.Principal'];
type StringMatcher = MessageOf['envoy.type.matcher.v3.StringMatcher'];

/** What is known of callers: the trust domains of the mesh, and whose certificate says who they are. */
export interface Identities {
  readonly trustDomains: readonly string[];
  /** The connection's own, or that of the tunnel which brought it. */
  readonly peer: 'connection' | 'tunnel';
}

/** What rules are read against. */
export interface RuleContext extends Identities {
  /** Of the policy. */
  readonly namespace: string;
}

/** Where the end of a tunnel leaves the identity of its beginning. */
export const tunnelPeer = 'io.istio.peer_principal';

type Matcher<T> = (values: readonly string[], context: RuleContext) => T;

export type Attribute =
  | { readonly of: 'permission'; readonly httpOnly: boolean; readonly matcher: Matcher<Permission> }
  | { readonly of: 'principal'; readonly httpOnly: boolean; readonly matcher: Matcher<Principal> };

const permission = (each: (value: string) => Permission, httpOnly = false): Attribute & { of: 'permission' } => ({
  of: 'permission',
  httpOnly,
  matcher: (values) => ({ or_rules: { rules: values.map(each) } }),
});

const principal = (
  each: (value: string, context: RuleContext) => Principal,
  httpOnly = false,
): Attribute & { of: 'principal' } => ({
  of: 'principal',
  httpOnly,
  matcher: (values, context) => ({ or_ids: { ids: values.map((value) => each(value, context)) } }),
});

export const hosts = permission((host) => ({ header: headerPattern(':authority', host, true) }), true);
export const methods = permission((method) => ({ header: headerPattern(':method', method) }), true);
export const paths = permission(pathPermission, true);
export const ports = permission((port) => ({ destination_port: Number(port) }));
const destinationIp = permission((block) => ({ destination_ip: addressBlock(block) }));
const serverName = permission((name) => ({ requested_server_name: textPattern(name) }));

const identity = (matcher: StringMatcher, { peer }: RuleContext): Principal =>
  peer === 'tunnel'
    ? { filter_state: { key: tunnelPeer, string_match: matcher } }
    : { authenticated: { principal_name: matcher } };

export const principals: Attribute & { of: 'principal' } = {
  of: 'principal',
  httpOnly: false,
  matcher: (values, context) => ({
    or_ids: {
      ids: withAliases(values, context.trustDomains).map((value) => identity(identityPattern(value), context)),
    },
  }),
};
export const namespaces = principal((namespace, context) =>
  identity(regex(`.*/ns/${quoted(namespace).replaceAll('\\*', '.*')}/.*`), context),
);
export const serviceAccounts = principal((account, context) =>
  identity(accountPattern(account, context.namespace), context),
);
export const trustDomainNames = principal((domain, context) => identity(trustDomainPattern(domain), context));
export const remoteIpBlocks = principal((block) => ({ remote_ip: addressBlock(block) }));
export const ipBlocks = principal((block) => ({ direct_remote_ip: addressBlock(block) }));
export const requestPrincipals: Attribute & { of: 'principal' } = {
  of: 'principal',
  httpOnly: true,
  matcher: (values) => {
    const each = values.map(requestPrincipal);
    return each.length === 1 && each[0] !== undefined ? each[0] : { or_ids: { ids: each } };
  },
};

const claims = (...path: readonly string[]): Attribute => ({
  of: 'principal',
  httpOnly: true,
  matcher: (values) => ({ metadata: claimPattern(path, values) }),
});

const plain: Readonly<Record<string, Attribute>> = {
  'destination.ip': destinationIp,
  'destination.port': ports,
  'connection.sni': serverName,
  'source.ip': ipBlocks,
  'remote.ip': remoteIpBlocks,
  'source.namespace': namespaces,
  'source.principal': principals,
  'source.serviceAccount': serviceAccounts,
  'source.trustDomain': trustDomainNames,
  'request.auth.principal': requestPrincipals,
  'request.auth.audiences': claims('aud'),
  'request.auth.presenter': claims('azp'),
};

/** The attribute that a condition names; undefined when there is none such. */
export function conditionAttribute(key: string): Attribute | undefined {
  if (Object.hasOwn(plain, key)) return plain[key];
  const [, name, inside] = /^([^[]+)\[(.+)\]$/s.exec(key) ?? [];
  if (name === undefined || inside === undefined) return undefined;
  if (name === 'request.headers') return principal((value) => ({ header: headerPattern(inside, value) }), true);
  if (name === 'request.auth.claims') return claims(...claimNames(inside));
  if (!name.startsWith('experimental.envoy.filters.')) return undefined;
  const filter = name.slice('experimental.'.length);
  return {
    of: 'permission',
    httpOnly: false,
    matcher: (values) => ({ metadata: metadataPattern(filter, inside, values) }),
  };
}

/** `a][b` is claim b inside claim a; what has brackets in another way is the name of one claim. */
function claimNames(inside: string): readonly string[] {
  const names = inside.split('][');
  return names.every((name) => name !== '' && !/[[\]]/.test(name)) ? names : [inside];
}

/**
 * Templates have {*} for one segment and {**} for any number of them. Envoy ends at once when one does not begin with a
 * slash or has an empty segment: then a regular expression says the same.
 */
function pathPermission(path: string): Permission {
  if (!path.includes('{*}') && !path.includes('{**}')) return { url_path: { path: textPattern(path) } };
  if (!path.startsWith('/') || path.includes('//')) return { url_path: { path: regex(templateRegex(path)) } };
  const template = path.replaceAll('{**}', '**').replaceAll('{*}', '*');
  return {
    uri_template: {
      name: 'uri-template',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig',
        path_template: template,
      },
    },
  };
}

const templateRegex = (path: string): string =>
  quoted(path).replaceAll(quoted('{**}'), '.*').replaceAll(quoted('{*}'), '[^/]+');

/** Principals are written without `spiffe://`. */
function identityPattern(value: string): StringMatcher {
  if (value === '*') return regex('.+');
  if (value.startsWith('*')) return regex(`spiffe://.*${quoted(value.slice(1))}`);
  return value.endsWith('*') ? { prefix: `spiffe://${value.slice(0, -1)}` } : { exact: `spiffe://${value}` };
}

/** `account` of the policy's namespace or `namespace/account`; what an identity has besides does not matter. */
function accountPattern(account: string, ownNamespace: string): StringMatcher {
  const slash = account.indexOf('/');
  const namespace = slash < 0 ? ownNamespace : account.slice(0, slash);
  return regex(`spiffe://.+/ns/${quoted(namespace)}/(.+/|)sa/${quoted(account.slice(slash + 1))}(/.+)?`);
}

function trustDomainPattern(domain: string): StringMatcher {
  if (domain === '*') return { prefix: 'spiffe://' };
  if (!domain.includes('*')) return { prefix: `spiffe://${domain}/` };
  return regex(`spiffe://${quoted(domain).replaceAll('\\*', '[^/]*')}/.*`);
}

/** `issuer/subject`; an issuer may have slashes, a subject has none. */
function requestPrincipal(value: string): Principal {
  const slash = value.lastIndexOf('/');
  const [issuer, subject] =
    slash >= 0 ? [value.slice(0, slash), value.slice(slash + 1)] : value.startsWith('*') ? ['*', value] : [value, '*'];
  const both: readonly Principal[] = [{ metadata: claimText('iss', issuer) }, { metadata: claimText('sub', subject) }];
  return { and_ids: { ids: both } };
}
