// What the mesh's and a workload's settings make of HTTP connection managers and of logs.
import { describe, expect, test } from 'vitest';
import type { MeshSettings } from '../../../src/model/mesh/mesh.ts';
import type { Proxy } from '../../../src/model/proxy/proxy.ts';
import type { HttpConnectionManager, Listener } from '../../support/objects/make-listener.ts';
import { httpOf, inbound, listenerIn, names, outbound, tcpProxyOf } from '../../support/objects/make-listener.ts';
import { makePort, makeProxy, makeService, makeServiceView, makeSettings } from '../../support/objects/make.ts';

const both = makeServiceView(makeService({ ports: [makePort(80), makePort(9000, 'TCP')] }));

const sent = (settings: Partial<MeshSettings>, proxy: Partial<Proxy> = {}): ReadonlyMap<string, Listener> =>
  outbound([both], [], { settings: makeSettings(settings), proxy: makeProxy(proxy) });
const sending = (settings: Partial<MeshSettings>, proxy: Partial<Proxy> = {}): HttpConnectionManager =>
  httpOf(listenerIn(sent(settings, proxy), '0.0.0.0_80').filter_chains?.[0]);
const received = (settings: Partial<MeshSettings>, proxy: Partial<Proxy> = {}): Listener =>
  listenerIn(inbound([], { settings: makeSettings(settings), proxy: makeProxy(proxy) }), 'virtualInbound');
const receiving = (settings: Partial<MeshSettings>, proxy: Partial<Proxy> = {}): HttpConnectionManager =>
  httpOf(received(settings, proxy).filter_chains?.[1]);

test('what every connection manager has', () => {
  expect(sending({})).toMatchObject({
    normalize_path: true,
    path_with_escaped_slashes_action: 'KEEP_UNCHANGED',
    proxy_100_continue: true,
    stream_idle_timeout: '0s',
    use_remote_address: false,
    upgrade_configs: [{ upgrade_type: 'websocket' }],
    request_id_extension: { typed_config: { use_request_id_for_trace_sampling: true } },
    rds: {
      route_config_name: '80',
      config_source: { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' },
    },
  });
  for (const field of [
    'tracing',
    'access_log',
    'http_protocol_options',
    'common_http_protocol_options',
    'server_name',
  ]) {
    expect(sending({})).not.toHaveProperty(field);
  }
});

test.each([
  ['NONE', { normalize_path: false }],
  ['BASE', { normalize_path: true, path_with_escaped_slashes_action: 'KEEP_UNCHANGED' }],
  ['MERGE_SLASHES', { normalize_path: true, merge_slashes: true, path_with_escaped_slashes_action: 'KEEP_UNCHANGED' }],
  [
    'DECODE_AND_MERGE_SLASHES',
    { normalize_path: true, merge_slashes: true, path_with_escaped_slashes_action: 'UNESCAPE_AND_FORWARD' },
  ],
] as const)('path normalization %s', (normalization, expected) => {
  expect(sending({ pathNormalization: { normalization } })).toMatchObject(expected);
});

test('what the workload asks for itself: HTTP/1.0 and an idle timeout', () => {
  const http = sending({}, { metadata: { HTTP10: '1', IDLE_TIMEOUT: '90s' } });
  expect(http).toMatchObject({
    http_protocol_options: { accept_http_10: true },
    common_http_protocol_options: { idle_timeout: '90s' },
  });
});

describe('tracing', () => {
  const workload = { canonicalName: 'baker', canonicalRevision: 'v3', meshId: '', clusterId: 'one' };

  test('samples one in a hundred, and says which workload it was', () => {
    const { tracing } = sending({ enableTracing: true }, workload);
    expect(tracing).toMatchObject({
      client_sampling: { value: 100 },
      random_sampling: { value: 1 },
      overall_sampling: { value: 100 },
    });
    const literals = (tracing?.custom_tags ?? []).slice(4).map(({ tag, literal }) => [tag, literal?.value]);
    expect(literals).toEqual([
      ['istio.canonical_revision', 'v3'],
      ['istio.canonical_service', 'baker'],
      ['istio.cluster_id', 'one'],
      ['istio.mesh_id', 'unknown'],
      ['istio.namespace', 'bakery'],
    ]);
    expect(tracing?.custom_tags?.[0]).toEqual({
      tag: 'istio.authorization.dry_run.allow_policy.name',
      metadata: {
        kind: { request: {} },
        metadata_key: {
          key: 'envoy.filters.http.rbac',
          path: [{ key: 'istio_dry_run_allow_shadow_effective_policy_id' }],
        },
      },
    });
  });

  test('more samples and tags of the mesh', () => {
    const customTags = {
      zone: { environment: { name: 'ZONE', defaultValue: 'none' } },
      a: { literal: { value: 'x' } },
      user: { header: { name: 'x-user' } },
    };
    const { tracing } = sending({
      enableTracing: true,
      defaultConfig: { tracing: { sampling: 50, maxPathTagLength: 99, enableIstioTags: false, customTags } },
    });
    expect(tracing).toMatchObject({ random_sampling: { value: 50 }, max_path_tag_length: 99 });
    const own = (tracing?.custom_tags ?? []).filter(({ tag }) => tag?.startsWith('istio') !== true);
    expect(own).toEqual([
      { tag: 'a', literal: { value: 'x' } },
      { tag: 'user', request_header: { name: 'x-user' } },
      { tag: 'zone', environment: { name: 'ZONE', default_value: 'none' } },
    ]);
    expect(tracing?.custom_tags).toHaveLength(3);
  });
});

describe('headers', () => {
  const proxyHeaders = {
    server: { disabled: true },
    requestId: { disabled: true },
    envoyDebugHeaders: { disabled: true },
    forwardedClientCert: 'SANITIZE_SET' as const,
    setCurrentClientCertDetails: { subject: false, cert: true, dns: false },
    preserveHttp1HeaderCase: true,
    xForwardedPort: { enabled: true },
  };

  test('of the mesh, in both directions', () => {
    for (const http of [sending({ defaultConfig: { proxyHeaders } }), receiving({ defaultConfig: { proxyHeaders } })]) {
      expect(http).toMatchObject({
        server_header_transformation: 'PASS_THROUGH',
        generate_request_id: false,
        append_x_forwarded_port: true,
      });
      expect(http.http_protocol_options?.header_key_format?.stateful_formatter?.name).toBe('preserve_case');
      expect(http.http_filters?.at(-1)?.typed_config).toMatchObject({ suppress_envoy_headers: true });
      expect(http).not.toHaveProperty('server_name');
    }
    const { forward_client_cert_details: forward, set_current_client_cert_details: details } = receiving({
      defaultConfig: { proxyHeaders },
    });
    expect([forward, details]).toEqual(['SANITIZE_SET', { subject: false, cert: true }]);
  });

  test("a workload's own configuration replaces the mesh's", () => {
    const metadata = {
      PROXY_CONFIG: { proxyHeaders: { server: { value: 'bakery' }, forwardedClientCert: 'ALWAYS_FORWARD_ONLY' } },
    };
    const http = receiving({ defaultConfig: { proxyHeaders } }, { metadata });
    expect(http).toMatchObject({ server_name: 'bakery', forward_client_cert_details: 'ALWAYS_FORWARD_ONLY' });
    expect(http).not.toHaveProperty('generate_request_id');
    expect(sending({}, { metadata }).server_name).toBe('bakery');
  });

  test.each([
    null,
    'text',
    { proxyHeaders: 7 },
    { proxyHeaders: { server: [], forwardedClientCert: 'ALL', setCurrentClientCertDetails: { subject: 'yes' } } },
  ])('nonsense from the network changes nothing: %o', (config) => {
    const { set_current_client_cert_details: _details, ...http } = receiving(
      {},
      { metadata: { PROXY_CONFIG: config } },
    );
    const { set_current_client_cert_details: _expected, ...expected } = receiving({});
    expect(http).toEqual(expected);
  });
});

describe('access logs', () => {
  test('on every connection manager and TCP proxy, and for refused connections on the entry listeners', () => {
    const settings = { accessLogFile: '/dev/stdout' };
    const listeners = sent(settings);
    const tcp = tcpProxyOf(listenerIn(listeners, '10.1.0.1_9000').filter_chains?.[0]);
    const rest = tcpProxyOf(listenerIn(listeners, '0.0.0.0_80').default_filter_chain);
    for (const { access_log: logs } of [sending(settings), receiving(settings), tcp, rest]) {
      expect(names(logs)).toEqual(['envoy.access_loggers.file']);
      expect(logs?.[0]?.typed_config).toMatchObject({ path: '/dev/stdout' });
    }
    expect(listenerIn(listeners, '0.0.0.0_80')).not.toHaveProperty('access_log');
    for (const listener of [listenerIn(listeners, 'virtualOutbound'), received(settings)]) {
      expect(listener.access_log?.map(({ filter }) => filter)).toEqual([{ response_flag_filter: { flags: ['NR'] } }]);
      expect(tcpProxyOf(listener.filter_chains?.[0])).not.toHaveProperty('access_log');
    }
    expect(received({ ...settings, disableEnvoyListenerLog: true })).not.toHaveProperty('access_log');
  });

  test('a proxy that cannot open its standard output writes to it as it is', () => {
    const logger = (path: string, metadata: Proxy['metadata']): readonly string[] =>
      names(sending({ accessLogFile: path }, { metadata }).access_log);
    expect(logger('/dev/stdout', { STDOUT_STREAM: 'true' })).toEqual(['envoy.access_loggers.stdout']);
    expect(logger('/dev/stdout', {})).toEqual(['envoy.access_loggers.file']);
    expect(logger('/var/log/access', { STDOUT_STREAM: 'true' })).toEqual(['envoy.access_loggers.file']);
  });

  const format = (settings: Partial<MeshSettings>): unknown =>
    (
      sending({ accessLogFile: '/var/log/access', ...settings }).access_log?.[0]?.typed_config as
        { log_format: unknown } | undefined
    )?.log_format;

  test('text: one line each, in the standard format or the one asked for', () => {
    expect(format({ accessLogFormat: '%RESPONSE_CODE%' })).toEqual({
      text_format_source: { inline_string: '%RESPONSE_CODE%\n' },
    });
    expect(format({ accessLogFormat: 'x\n' })).toEqual({ text_format_source: { inline_string: 'x\n' } });
    expect(JSON.stringify(format({}))).toContain('[%START_TIME%] \\"%REQ(:METHOD)%');
  });

  test('JSON: the standard fields, or an object; what is none leaves the standard in force', () => {
    const json = { accessLogEncoding: 'JSON' as const };
    expect(format({ ...json, accessLogFormat: '{"code": "%RESPONSE_CODE%", "n": {"m": 7}}' })).toEqual({
      json_format: { code: '%RESPONSE_CODE%', n: { m: 7 } },
      json_format_options: {},
    });
    expect(format({ ...json, accessLogFormat: '[broken' })).toEqual(format(json));
    expect(format(json)).toMatchObject({ json_format: { route_name: '%ROUTE_NAME%' } });
  });

  test('a command that is an extension is listed; those that Envoy has built in are not', () => {
    const text = '%REQ_WITHOUT_QUERY(:PATH)% %METADATA(ROUTE:x)% %CEL(request.size)%';
    const { formatters } = format({ accessLogFormat: text }) as { formatters: readonly { name: string }[] };
    expect(formatters.map(({ name }) => name)).toEqual(['envoy.formatter.req_without_query']);
  });
});
