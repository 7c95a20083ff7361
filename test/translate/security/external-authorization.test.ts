import { describe, expect, it, test } from 'vitest';

import type { ExtensionProvider } from '../../../src/model/schema/index.ts';
import { externalAuthorizationFilters } from '../../../src/translate/envoy/rbac/external-authorization.ts';
import { authorizerOf } from '../../../src/translate/resolve/security/extension-provider.ts';
import type { MessageOf } from '../../../src/xds/generated/messages.ts';
import { objects, policy } from '../../support/objects/authorization.ts';
import { makeService, makeSettings, plain } from '../../support/objects/make.ts';

type HttpAuthorization = MessageOf['envoy.extensions.filters.http.ext_authz.v3.ExtAuthz'];
type RbacFilter = MessageOf['envoy.extensions.filters.http.rbac.v3.RBAC'];

const host = 'gate.bakery.svc.cluster.local';
const services = [makeService({ name: 'gate' })];

const found = (provider: ExtensionProvider, known = services) =>
  authorizerOf(makeSettings({ extensionProviders: [provider] }), known, provider.name ?? '');

const custom = (name: string, provider: string, rules = '[{}]') =>
  policy(name, `{action: CUSTOM, provider: {name: ${provider}}, rules: ${rules}}`);

function filters(several: boolean, authorizers: readonly ReturnType<typeof found>[], ...yaml: readonly string[]) {
  const { http, tcp } = externalAuthorizationFilters(several, authorizers, [...objects(...yaml).values()], {
    trustDomains: ['cluster.local'],
    peer: 'connection',
  });
  const names = (all: readonly { readonly name?: string }[]) => all.map(({ name }) => name);
  const configs = http.map((filter) => (filter as { typed_config: object }).typed_config);
  return { http: names(http), tcp: names(tcp), configs };
}

const asked = (provider: ExtensionProvider): HttpAuthorization =>
  plain(filters(false, [found(provider)], custom('p', provider.name ?? '')).configs[1]) as HttpAuthorization;

describe('an authorizer', () => {
  test.each<[string, ExtensionProvider, RegExp]>([
    ['of another kind', { name: 'gate', prometheus: {} }, /no external authorizer/],
    ['with a name that is no label', { name: 'Gate', envoyExtAuthzGrpc: { service: host, port: 80 } }, /DNS label/],
    ['without a port', { name: 'gate', envoyExtAuthzHttp: { service: host } }, /no port/],
    [
      'of an unknown service',
      { name: 'gate', envoyExtAuthzHttp: { service: 'x.example', port: 80 } },
      /exactly one service/,
    ],
    [
      'of another namespace',
      { name: 'gate', envoyExtAuthzHttp: { service: `cellar/${host}`, port: 80 } },
      /exactly one/,
    ],
    [
      'with a status that is none',
      { name: 'gate', envoyExtAuthzHttp: { service: host, port: 80, statusOnError: '999' } },
      /statusOnError/,
    ],
    [
      'with a path that is none',
      { name: 'gate', envoyExtAuthzHttp: { service: host, port: 80, pathPrefix: 'x' } },
      /slash/,
    ],
    [
      'with a body of no size',
      { name: 'gate', envoyExtAuthzGrpc: { service: host, port: 80, includeRequestBodyInCheck: {} } },
      /maxRequestBytes/,
    ],
  ])('%s cannot be asked', (_, provider, fault) => {
    expect(found(provider)).toMatchObject({ fault: expect.stringMatching(fault) as unknown });
  });

  it('is a service by its host, or by namespace and host when several have it', () => {
    const http = { name: 'gate', envoyExtAuthzHttp: { service: host, port: 8000 } };
    expect(found(http)).toMatchObject({ host, port: 8000, protocol: 'http' });
    const two = [...services, makeService({ name: 'gate', namespace: 'cellar', hostname: host })];
    expect(found(http, two)).toHaveProperty('fault');
    expect(found({ ...http, envoyExtAuthzHttp: { service: `cellar/${host}`, port: 8000 } }, two)).toMatchObject({
      host,
    });
  });

  it('that nobody configured cannot be asked', () => {
    expect(authorizerOf(makeSettings(), services, 'nobody')).toHaveProperty('fault');
  });

  it('stays the same object when other services come and go', () => {
    const settings = makeSettings({
      extensionProviders: [{ name: 'gate', envoyExtAuthzGrpc: { service: host, port: 1 } }],
    });
    const before = authorizerOf(settings, services, 'gate');
    expect(authorizerOf(settings, [...services, makeService({ name: 'other' })], 'gate')).toBe(before);
  });
});

describe('CUSTOM policies', () => {
  const grpc = found({ name: 'gate', envoyExtAuthzGrpc: { service: host, port: 9000 } });
  const http = found({ name: 'door', envoyExtAuthzHttp: { service: host, port: 8000 } });

  it('are a pair of filters: one notes, the other asks', () => {
    const { http: names, tcp, configs } = filters(false, [grpc], custom('p', 'gate'));
    expect(names).toEqual(['envoy.filters.http.rbac', 'envoy.filters.http.ext_authz']);
    expect(tcp).toEqual(['envoy.filters.network.rbac', 'envoy.filters.network.ext_authz']);
    const [noting, asking] = configs as [RbacFilter, HttpAuthorization];
    expect(noting.rules).toBeUndefined();
    expect(Object.keys(noting.shadow_rules?.policies ?? {})).toEqual([
      'istio-ext-authz-gate-ns[garden]-policy[p]-rule[0]',
    ]);
    expect(asking.filter_enabled_metadata?.value?.string_match?.prefix).toBe('istio-ext-authz-gate');
  });

  it('over HTTP say nothing of plain connections', () => {
    expect(filters(false, [http], custom('p', 'door')).tcp).toEqual([]);
  });

  it('deny when nobody can be asked', () => {
    const { http: names, configs } = filters(false, [{ name: 'lost', fault: '' }], custom('p', 'lost'));
    expect(names).toEqual(['envoy.filters.http.rbac']);
    expect(configs[0]).toMatchObject({
      rules: {
        action: 'DENY',
        policies: { 'istio-ext-authz-lost-ns[garden]-policy[p]-rule[0]-deny-due-to-bad-CUSTOM-action': {} },
      },
    });
  });

  it('of two providers deny both, unless several are allowed', () => {
    const yaml = [custom('p', 'gate'), custom('q', 'door')];
    const refused = filters(false, [grpc, http], ...yaml);
    expect(refused.http).toEqual(['envoy.filters.http.rbac', 'envoy.filters.http.rbac']);
    expect(Object.keys((refused.configs[0] as RbacFilter).rules?.policies ?? {})[0]).toContain('authz-door');
    expect(filters(true, [grpc, http], ...yaml).http).toHaveLength(4);
  });
});

describe('how it is asked', () => {
  it('over gRPC', () => {
    expect(
      asked({
        name: 'gate',
        envoyExtAuthzGrpc: { service: host, port: 9000, timeout: '1s', failOpen: true, statusOnError: '503' },
      }),
    ).toMatchObject({
      grpc_service: { envoy_grpc: { cluster_name: `outbound|9000||${host}`, authority: host }, timeout: '1s' },
      failure_mode_allow: true,
      status_on_error: { code: 'ServiceUnavailable' },
      transport_api_version: 'V3',
    });
  });

  it('over HTTP', () => {
    const settings = {
      service: host,
      port: 8000,
      pathPrefix: '/ask',
      includeHeadersInCheck: ['ignored'],
      includeRequestHeadersInCheck: ['Cookie', 'x-*', '*-id'],
      includeAdditionalHeadersInCheck: { z: '1', a: '2' },
      includeRequestBodyInCheck: { maxRequestBytes: 10, allowPartialMessage: true },
      headersToUpstreamOnAllow: ['x-user'],
      headersToDownstreamOnDeny: ['www-authenticate'],
      headersToDownstreamOnAllow: ['set-cookie'],
    };
    const exactly = (name: string) => ({ patterns: [{ exact: name, ignore_case: true }] });
    expect(asked({ name: 'gate', envoyExtAuthzHttp: settings })).toMatchObject({
      http_service: {
        server_uri: { uri: `http://${host}`, cluster: `outbound|8000||${host}`, timeout: '600s' },
        path_prefix: '/ask',
        authorization_request: {
          headers_to_add: [
            { key: 'a', value: '2' },
            { key: 'z', value: '1' },
          ],
        },
        authorization_response: {
          allowed_upstream_headers: exactly('x-user'),
          allowed_client_headers: exactly('www-authenticate'),
          allowed_client_headers_on_success: exactly('set-cookie'),
        },
      },
      allowed_headers: {
        patterns: [
          { exact: 'Cookie', ignore_case: true },
          { prefix: 'x-', ignore_case: true },
          { suffix: '-id', ignore_case: true },
        ],
      },
      with_request_body: { max_request_bytes: 10, allow_partial_message: true },
    });
  });

  it('in ten minutes at the latest, and failing closed', () => {
    const quick = asked({ name: 'gate', envoyExtAuthzGrpc: { service: host, port: 9000 } });
    expect(quick.failure_mode_allow).toBeUndefined();
    expect(quick.grpc_service?.timeout).toBe('600s');
  });
});
