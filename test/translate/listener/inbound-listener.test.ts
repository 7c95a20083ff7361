// The listeners for what a workload receives: inspection, mutual TLS, interception and Sidecar objects.
import { describe, expect, test } from 'vitest';
import type { MtlsMode, Protocol } from '../../../src/model/mesh/mesh.ts';
import type { InboundPort } from '../../../src/model/view.ts';
import { inboundListeners } from '../../../src/translate/envoy/listener/inbound/inbound-listener.ts';
import type { FilterChain, Listener } from '../../support/objects/make-listener.ts';
import {
  chainsOfPort,
  httpOf,
  inbound,
  inboundPortOf,
  listenerIn,
  makeInboundPort,
  makeIngressPort,
  names,
  summary,
  virtualInbound,
} from '../../support/objects/make-listener.ts';
import {
  makeInboundView,
  makeOutboundView,
  makePort,
  makeProxy,
  makeProxyView,
  makeSettings,
} from '../../support/objects/make.ts';

const http = 'HTTP inbound|8080||';
const tcp = 'inbound|8080||';

describe('the time that the first bytes are waited for', () => {
  const time = (mode: MtlsMode, protocol: Protocol, settings = makeSettings()): unknown =>
    virtualInbound(inbound([inboundPortOf(protocol, mode)], { settings })).listener_filters_timeout;

  test('is without end', () => {
    expect([time('PERMISSIVE', 'HTTP'), time('STRICT', 'MySQL'), time('DISABLE', 'MySQL')]).toEqual(['0s', '0s', '0s']);
  });

  test('is short where plaintext is taken for a server that speaks first, unless the mesh says otherwise', () => {
    expect(time('PERMISSIVE', 'MySQL')).toBe('0.5s');
    expect(time('PERMISSIVE', 'MySQL', makeSettings({ protocolDetectionTimeout: '3s' }))).toBe('3s');
  });
});

describe('inspection of first bytes', () => {
  type Range = { readonly destination_port_range: { readonly start: number; readonly end: number } };
  const only = (start: number): Range => ({ destination_port_range: { start, end: start + 1 } });
  const inspectors = (mode: MtlsMode, ...ports: InboundPort[]): Readonly<Record<string, unknown>> => {
    const view = makeProxyView(makeOutboundView([]), { inbound: makeInboundView({ defaultMtls: mode, ports }) });
    const filters = inboundListeners(view).flatMap(({ message }) => (message as Listener).listener_filters ?? []);
    return Object.fromEntries(filters.slice(1).map((filter, i) => [names(filters)[i + 1], filter.filter_disabled]));
  };

  test.each<[MtlsMode, Protocol, MtlsMode, object]>([
    [
      'PERMISSIVE',
      'HTTP',
      'PERMISSIVE',
      { tls_inspector: only(15006), http_inspector: { or_match: { rules: [only(8080), only(15006)] } } },
    ],
    ['PERMISSIVE', 'Auto', 'PERMISSIVE', { tls_inspector: only(15006), http_inspector: only(15006) }],
    [
      'PERMISSIVE',
      'Auto',
      'DISABLE',
      { tls_inspector: { or_match: { rules: [only(8080), only(15006)] } }, http_inspector: only(15006) },
    ],
    ['STRICT', 'HTTP', 'STRICT', { tls_inspector: only(15006) }],
    [
      'STRICT',
      'Auto',
      'PERMISSIVE',
      { tls_inspector: only(15006), http_inspector: { or_match: { rules: [only(0), only(15006)] } } },
    ],
    [
      'DISABLE',
      'HTTP',
      'STRICT',
      { tls_inspector: { not_match: only(8080) }, http_inspector: { or_match: { rules: [only(8080), only(15006)] } } },
    ],
  ])('mesh %s, port %s %s', (mode, protocol, mtls, expected) => {
    expect(inspectors(mode, inboundPortOf(protocol, mtls))).toEqual(expected);
  });

  test('the time they may take is that of the mesh', () => {
    const settings = makeSettings({ protocolDetectionTimeout: '5s' });
    expect(virtualInbound(inbound([], { settings }))).toMatchObject({
      listener_filters_timeout: '5s',
      continue_on_listener_filters_timeout: true,
    });
  });
});

describe('mutual TLS', () => {
  type Context = {
    readonly common_tls_context: {
      readonly tls_params: object;
      readonly combined_validation_context: { readonly default_validation_context: object };
    };
  };
  const context = (settings: ReturnType<typeof makeSettings>): Context =>
    chainsOfPort(virtualInbound(inbound([inboundPortOf('HTTP', 'STRICT')], { settings })))[0]?.transport_socket
      ?.typed_config as unknown as Context;

  test('callers of all trust domains of the mesh, with a certificate', () => {
    const settings = makeSettings({ trustDomain: 'new.example', trustDomainAliases: ['old.example', 'a.example'] });
    const { common_tls_context: common } = context(settings);
    expect(context(settings)).toMatchObject({ require_client_certificate: true });
    expect(common).toMatchObject({
      alpn_protocols: ['h2', 'http/1.1'],
      tls_certificate_sds_secret_configs: [{ name: 'default' }],
    });
    expect(common.combined_validation_context.default_validation_context).toEqual({
      match_subject_alt_names: [
        { prefix: 'spiffe://a.example/' },
        { prefix: 'spiffe://new.example/' },
        { prefix: 'spiffe://old.example/' },
      ],
    });
  });

  test('versions and cipher suites that the mesh asks for', () => {
    expect(context(makeSettings()).common_tls_context.tls_params).toMatchObject({
      tls_minimum_protocol_version: 'TLSv1_2',
      tls_maximum_protocol_version: 'TLSv1_3',
    });
    const meshMTLS = { minProtocolVersion: 'TLSV1_3' as const, cipherSuites: ['ECDHE-ECDSA-AES256-GCM-SHA384'] };
    expect(context(makeSettings({ meshMTLS })).common_tls_context.tls_params).toMatchObject({
      tls_minimum_protocol_version: 'TLSv1_3',
      cipher_suites: ['ECDHE-ECDSA-AES256-GCM-SHA384'],
    });
  });
});

describe('interception and Sidecar objects', () => {
  test('transparent interception connects from the address of the caller', () => {
    const listener = virtualInbound(inbound([], { proxy: makeProxy({ interceptionMode: 'TPROXY' }) }));
    expect(listener.transparent).toBe(true);
    expect(names(listener.listener_filters).slice(0, 2)).toEqual(['original_dst', 'original_src']);
    expect(listener.listener_filters?.[1]?.typed_config).toMatchObject({ mark: 1337 });
  });

  test('a Sidecar listener is on the address of the workload and named after the Sidecar', () => {
    const ingress = makeIngressPort({ port: { number: 8080, protocol: 'HTTP', name: 'main' } }, { mtls: 'DISABLE' });
    const [chain] = chainsOfPort(virtualInbound(inbound([ingress])));
    expect(chain?.name).toBe('10.2.0.1_8080');
    expect(chain?.metadata?.filter_metadata).toEqual({
      istio: { config: '/apis/networking.istio.io/v1/namespaces/bakery/sidecar/pantry' },
    });
    const { stat_prefix: prefix, route_config: routes } = httpOf(chain);
    expect(prefix).toBe('inbound_10.2.0.1_8080;');
    expect(routes?.virtual_hosts?.[0]?.routes?.[0]?.decorator).toEqual({ operation: 'pantry.bakery:8080/*' });
  });

  const bound = makeIngressPort(
    { port: { number: 7080, protocol: 'HTTP', name: 'bound' }, bind: '0.0.0.0', captureMode: 'NONE' },
    { mtls: 'DISABLE' },
  );

  test('what is not captured is bound for real', () => {
    const listeners = inbound([bound]);
    expect([...listeners.keys()]).toEqual(['0.0.0.0_7080', 'virtualInbound']);
    const listener = listenerIn(listeners, '0.0.0.0_7080');
    expect(summary(listener)).toEqual([':7080 raw_buffer -> HTTP inbound|7080||']);
    expect(listener).toMatchObject({ traffic_direction: 'INBOUND', max_connections_to_accept_per_socket_event: 1 });
    expect(listener).not.toHaveProperty('listener_filters');
    expect(virtualInbound(listeners).filter_chains?.some(({ name }) => name === '0.0.0.0_7080')).toBe(false);
  });

  test('without interception there is nothing but what a Sidecar lists', () => {
    const proxy = makeProxy({ interceptionMode: 'NONE' });
    const captured = makeIngressPort({ port: { number: 8080, protocol: 'TCP', name: 'tcp' } });
    expect([...inbound([makeInboundPort(), captured, bound], { proxy }).keys()]).toEqual([
      '10.2.0.1_8080',
      '0.0.0.0_7080',
    ]);
    const low = makeIngressPort({ port: { number: 443, protocol: 'TCP', name: 'tcp' } });
    const unprivileged = makeProxy({ interceptionMode: 'NONE', metadata: { UNPRIVILEGED_POD: 'true' } });
    expect([...inbound([low], { proxy: unprivileged }).keys()]).toEqual([]);
  });

  test('TLS of a Sidecar listener ends here only where the mesh does not secure the port', () => {
    const ingress = (mtls: MtlsMode, mode: 'SIMPLE' | 'MUTUAL', protocol: Protocol): readonly FilterChain[] => {
      const tls = {
        mode,
        serverCertificate: '/tls/cert.pem',
        privateKey: '/tls/key.pem',
        caCertificates: '/tls/ca.pem',
      };
      const listed = makeIngressPort(
        { port: { number: 8080, protocol, name: 'tls' }, tls },
        { mtls, servicePort: makePort(8080, protocol) },
      );
      return chainsOfPort(virtualInbound(inbound([listed])));
    };
    const [simple, ...none] = ingress('DISABLE', 'SIMPLE', 'HTTPS');
    expect(none).toEqual([]);
    expect(summary({ filter_chains: [simple ?? {}] })).toEqual([`:8080 tls -> TLS ${http}`]);
    expect(names(simple?.filters)).toEqual(['http_connection_manager']);
    expect(simple?.transport_socket?.typed_config).toMatchObject({
      common_tls_context: { tls_certificate_sds_secret_configs: [{ name: 'file-cert:/tls/cert.pem~/tls/key.pem' }] },
      require_client_certificate: false,
    });
    const [mutual] = ingress('DISABLE', 'MUTUAL', 'TLS');
    expect(summary({ filter_chains: [mutual ?? {}] })).toEqual([`:8080 tls -> TLS ${tcp}`]);
    expect(mutual?.transport_socket?.typed_config).toMatchObject({
      common_tls_context: {
        combined_validation_context: { validation_context_sds_secret_config: { name: 'file-root:/tls/ca.pem' } },
      },
      require_client_certificate: true,
    });
    const [strict] = ingress('STRICT', 'SIMPLE', 'HTTPS');
    expect(strict?.transport_socket?.typed_config).toMatchObject({ require_client_certificate: true });
  });
});

test('the port and address that connections are redirected to', () => {
  const settings = makeSettings({ proxyInboundListenPort: 15106 });
  const [resource] = inboundListeners(
    makeProxyView(makeOutboundView([]), { settings, proxy: makeProxy({ ipAddresses: ['fd00::1'] }) }),
  );
  expect(resource?.message).toMatchObject({
    name: 'virtualInbound',
    address: { socket_address: { address: '::', port_value: 15106 } },
  });
  expect(summary(resource?.message as Listener)[0]).toBe(':15106 -> BlackHoleCluster');
});
