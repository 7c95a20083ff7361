import { describe, expect, test } from 'vitest';
import { Bug } from '../../../src/model/invariant.ts';
import { resourceTypes } from '../../../src/model/envoy/resource.ts';
import { cachedResource, encodeCount } from '../../../src/xds/codec/cache.ts';
import { encode, encodeMessage } from '../../../src/xds/codec/encode.ts';
import { print, printAny } from '../../../src/xds/codec/print.ts';

const cluster = 'envoy.config.cluster.v3.Cluster';
const any = (name: string, fields: object = {}): object => ({ '@type': `type.googleapis.com/${name}`, ...fields });
const roundTrip = (name: string, message: object): unknown => print(name, encodeMessage(name, message));
const hex = (name: string, message: object): string => Buffer.from(encodeMessage(name, message)).toString('hex');

describe('what a message becomes on the wire', () => {
  test('fields are written in the order of their numbers, however they are listed', () => {
    expect(hex('envoy.config.core.v3.Locality', { zone: 'z', region: 'r' })).toBe('0a017212017a');
  });

  test('zeros are left out where they mean nothing and kept where they mean something', () => {
    expect(hex('envoy.config.core.v3.Locality', { zone: '', region: 'r' })).toBe('0a0172');
    expect(roundTrip('envoy.config.core.v3.SocketAddress', { address: 'a', port_value: 0 })).toEqual({
      address: 'a',
      portValue: 0,
    });
    expect(roundTrip(cluster, { lb_policy: 'ROUND_ROBIN', type: 'STATIC' })).toEqual({ type: 'STATIC' });
    expect(roundTrip('envoy.config.core.v3.Locality', { zone: '0' })).toEqual({ zone: '0' });
  });

  test('wrappers are bare values, and zero is a value', () => {
    const thresholds = [{ max_connections: 0, max_requests: 7 }];
    expect(roundTrip('envoy.config.cluster.v3.CircuitBreakers', { thresholds })).toEqual({
      thresholds: [{ maxConnections: 0, maxRequests: 7 }],
    });
  });

  test('empty messages stay', () => {
    expect(roundTrip(cluster, { common_lb_config: {} })).toEqual({ commonLbConfig: {} });
  });

  test.each(['5s', '0.250s', '0.000000001s', '-1.500s', '0s'])('duration %s', (connect_timeout) => {
    expect(roundTrip(cluster, { connect_timeout })).toEqual({ connectTimeout: connect_timeout });
  });

  test('durations print with as many groups of three decimals as they need', () => {
    expect(roundTrip(cluster, { connect_timeout: '0.25s' })).toEqual({ connectTimeout: '0.250s' });
    expect(roundTrip(cluster, { connect_timeout: '1.00s' })).toEqual({ connectTimeout: '1s' });
  });

  test('a Struct is plain JSON', () => {
    const filter_metadata = { mesh: { a: [1, null, { b: 'c' }], empty: {}, list: [], no: false, zero: 0, '': '' } };
    expect(roundTrip('envoy.config.core.v3.Metadata', { filter_metadata })).toEqual({
      filterMetadata: filter_metadata,
    });
  });

  test('maps are sorted, so that the order of insertion does not change the bytes', () => {
    const of = (...keys: string[]): string =>
      hex('envoy.config.core.v3.Metadata', {
        filter_metadata: Object.fromEntries(keys.map((key) => [key, { [key]: 1 }])),
      });
    expect(of('b', 'a', 'c')).toBe(of('c', 'b', 'a'));
  });

  test('an Any holds a message by its type, or the value of a message that JSON does not write as an object', () => {
    const tls = any('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', { sni: 'shop.example' });
    expect(roundTrip('envoy.config.core.v3.TransportSocket', { name: 'tls', typed_config: tls })).toEqual({
      name: 'tls',
      typedConfig: tls,
    });
    const duration = any('google.protobuf.Duration', { value: '3s' });
    expect(roundTrip('envoy.config.core.v3.TransportSocket', { typed_config: duration })).toEqual({
      typedConfig: duration,
    });
  });

  test('an Any that is in several messages, or in one several times, is the same bytes each time', () => {
    const typed_config = any('envoy.extensions.filters.http.cors.v3.Cors');
    const filter = { name: 'cors', typed_config };
    const name = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
    const [once, anew] = [
      hex(name, { http_filters: [filter] }),
      hex(name, { http_filters: [structuredClone(filter)] }),
    ];
    expect(once).toBe(anew);
    for (let again = 0; again < 3; again++) expect(hex(name, { http_filters: [filter, filter] })).toBe(anew + anew);
  });

  test.each(['\u{1F6A2}', 'a\u{20000}b', '\u{10FFFF}', 'ü€'])('text beyond ASCII stays as it is: %s', (region) => {
    expect(roundTrip('envoy.config.core.v3.Locality', { region })).toEqual({ region });
  });

  test('what cannot be written leaves nothing behind in what is written next', () => {
    const fits = { name: 'x'.repeat(200) };
    const expected = hex(cluster, fits);
    expect(() => hex(cluster, { ...fits, nothing: 1 })).toThrow(Bug);
    expect(hex(cluster, fits)).toBe(expected);
  });

  test('an empty Any stays empty', () => {
    const name = 'envoy.extensions.wasm.v3.PluginConfig';
    expect(roundTrip(name, { name: 'p', configuration: {} })).toEqual({ name: 'p', configuration: {} });
  });

  test('a TypedStruct carries plain JSON for a type that is not known here', () => {
    const value = { stat_prefix: 'p', nested: { list: [1, 2] } };
    const typed = any('udpa.type.v1.TypedStruct', { type_url: 'type.googleapis.com/somebody.elses.Filter', value });
    expect(roundTrip('envoy.config.core.v3.TypedExtensionConfig', { name: 'f', typed_config: typed })).toEqual({
      name: 'f',
      typedConfig: any('udpa.type.v1.TypedStruct', { typeUrl: 'type.googleapis.com/somebody.elses.Filter', value }),
    });
  });

  test('bytes are base64 or bytes', () => {
    const source = 'envoy.config.core.v3.DataSource';
    expect(roundTrip(source, { inline_bytes: 'AAEC' })).toEqual({ inlineBytes: 'AAEC' });
    expect(roundTrip(source, { inline_bytes: new Uint8Array([0, 1, 2]) })).toEqual({ inlineBytes: 'AAEC' });
  });

  test.each(['18446744073709551615', '9007199254740993', '1'])('64 bits stay exact: %s', (value_fixed) => {
    const counters = [{ stat: { name: 's' }, value_fixed }];
    expect(roundTrip('envoy.extensions.access_loggers.stats.v3.Config', { counters })).toEqual({
      counters: [{ stat: { name: 's' }, valueFixed: value_fixed }],
    });
  });

  test('a symbol-keyed property is no field', () => {
    expect(hex('envoy.config.core.v3.Locality', { region: 'r', [Symbol('origins')]: {} })).toBe('0a0172');
  });
});

describe('what does not fit is a Bug that names the path', () => {
  const cases: readonly (readonly [string, object, string])[] = [
    ['unknown field', { nme: 'x' }, 'no field nme'],
    ['camelCase field', { connectTimeout: '5s' }, 'no field connectTimeout'],
    ['wrong type', { name: 1 }, 'name is no string: 1'],
    [
      'wrong type deeper',
      { circuit_breakers: { thresholds: [{}, { max_requests: -1 }] } },
      'circuit_breakers.thresholds[1].max_requests is no uint32: -1',
    ],
    ['a list that is none', { health_checks: {} }, 'health_checks is no list'],
    ['wrong zero', { name: 0 }, 'name is no string: 0'],
    ['wrong enum value', { lb_policy: 'BEST' }, 'lb_policy is no envoy.config.cluster.v3.Cluster.LbPolicy: "BEST"'],
    ['two of a oneof', { type: 'EDS', cluster_type: {} }, 'more than one of cluster_discovery_type'],
    [
      'unknown type of an Any',
      { transport_socket: { typed_config: any('no.Such') } },
      'transport_socket.typed_config has no @type that is known',
    ],
    [
      'an Any without a type',
      { transport_socket: { typed_config: { sni: 'a' } } },
      'transport_socket.typed_config has no @type',
    ],
    ['no duration', { connect_timeout: '5' }, 'connect_timeout is no duration'],
    ['@type where no Any is', any(cluster), 'no field @type'],
    ['broken Unicode', { name: '\ud800' }, 'name is not well-formed Unicode'],
    [
      'undefined within JSON',
      { metadata: { filter_metadata: { a: { b: [undefined] } } } },
      'metadata.filter_metadata["a"].b[0] is no object',
    ],
  ];
  test.each(cases)('%s', (_what, message, complaint) => {
    expect(() => encodeMessage(cluster, message)).toThrow(Bug);
    expect(() => encodeMessage(cluster, message)).toThrow(complaint);
  });

  test('nesting that a receiver would refuse', () => {
    let deep: object = {};
    for (let level = 0; level < 40; level++) deep = { deep };
    expect(() => encodeMessage(cluster, { metadata: { filter_metadata: { deep } } })).toThrow('nested deeper than 100');
  });

  test('a long text is not repeated in the message: it may be a key', () => {
    const key = '-----BEGIN PRIVATE KEY-----'.repeat(3);
    expect(() => encodeMessage(cluster, { connect_timeout: key })).toThrow(/connect_timeout .*: 81 characters$/);
  });
});

describe('parts', () => {
  const host = (name: string) => ({ type: virtualHost, name, message: { name, domains: [name] } });
  const virtualHost = 'type.googleapis.com/envoy.config.route.v3.VirtualHost';
  const routes = (...hosts: ReturnType<typeof host>[]) => ({
    type: resourceTypes.route,
    name: '80',
    message: { name: '80', validate_clusters: false },
    parts: { field: 'virtual_hosts', resources: hosts },
  });

  test('are spliced into their field and read back in their order', () => {
    const { bytes } = encode(routes(host('b'), host('a')));
    expect(printAny(resourceTypes.route, bytes)).toEqual({
      '@type': resourceTypes.route,
      name: '80',
      validateClusters: false,
      virtualHosts: [
        { name: 'b', domains: ['b'] },
        { name: 'a', domains: ['a'] },
      ],
    });
  });

  test('are encoded once, however many wholes they are part of', () => {
    const shared = host('shared');
    const before = encodeCount();
    const first = cachedResource(routes(shared, host('x')));
    const second = cachedResource(routes(shared, host('y')));
    expect(encodeCount() - before).toBe(5);
    expect(first.version).not.toBe(second.version);
  });

  test('of another type than the field are a Bug', () => {
    const wrong = {
      ...routes(),
      parts: { field: 'virtual_hosts', resources: [{ ...host('a'), type: resourceTypes.cluster }] },
    };
    expect(() => encode(wrong)).toThrow(Bug);
  });
});

test('a version depends on nothing but the content', () => {
  const resource = { type: resourceTypes.cluster, name: 'c', message: { name: 'c', type: 'EDS' } };
  const same = { type: resourceTypes.cluster, name: 'c', message: { type: 'EDS', name: 'c' } };
  expect(encode(resource).version).toBe(encode(same).version);
  expect(encode({ ...resource, message: { name: 'd', type: 'EDS' } }).version).not.toBe(encode(resource).version);
});

test('printing hides what is sensitive and nothing else', () => {
  const secret = {
    name: 'default',
    tls_certificate: { certificate_chain: { inline_string: 'chain' }, private_key: { inline_bytes: 'AAEC' } },
  };
  expect(roundTrip('envoy.extensions.transport_sockets.tls.v3.Secret', secret)).toEqual({
    name: 'default',
    tlsCertificate: { certificateChain: { inlineString: 'chain' }, privateKey: { inlineBytes: '[redacted]' } },
  });
  const at = { '@type': 'type.googleapis.com/google.protobuf.Timestamp', value: '2020-01-01T00:00:00Z' };
  const provider = { tls_certificate: { private_key_provider: { provider_name: 'hsm', typed_config: at } } };
  expect(roundTrip('envoy.extensions.transport_sockets.tls.v3.Secret', provider)).toMatchObject({
    tlsCertificate: { privateKeyProvider: { typedConfig: { '@type': at['@type'], value: '[redacted]' } } },
  });
});

test('bytes that are no such message are a Bug', () => {
  expect(() => print(cluster, new Uint8Array([0x0a, 0xff]))).toThrow(Bug);
});
