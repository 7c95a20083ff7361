// What a workload's proxy takes on which port, by the port's protocol and mutual TLS mode.
import { describe, expect, test } from 'vitest';
import type { MtlsMode, Protocol } from '../../../src/model/mesh/mesh.ts';
import { inboundListeners } from '../../../src/translate/envoy/listener/inbound/inbound-listener.ts';
import { originsOf } from '../../../src/translate/provenance.ts';
import type { Listener } from '../../support/objects/make-listener.ts';
import {
  chainsOfPort,
  httpOf,
  inbound,
  inboundPortOf,
  makeInboundPort,
  names,
  summary,
  tcpProxyOf,
  virtualInbound,
} from '../../support/objects/make-listener.ts';
import {
  makeInboundView,
  makeOutboundView,
  makePort,
  makeProxyView,
  makeSettings,
} from '../../support/objects/make.ts';

const own = (protocol: Protocol, mtls: MtlsMode): readonly string[] =>
  summary({ filter_chains: chainsOfPort(virtualInbound(inbound([inboundPortOf(protocol, mtls)]))) });

const meshHttp = 'istio-http/1.0 istio-http/1.1 istio-h2';
const http = 'HTTP inbound|8080||';
const tcp = 'inbound|8080||';

describe('chains of a port', () => {
  test.each<[Protocol, MtlsMode, readonly string[]]>([
    [
      'HTTP',
      'PERMISSIVE',
      [`:8080 tls istio istio-peer-exchange ${meshHttp} -> TLS ${http}`, `:8080 raw_buffer -> ${http}`],
    ],
    ['HTTP', 'STRICT', [`:8080 tls -> TLS ${http}`]],
    ['HTTP', 'DISABLE', [`:8080 raw_buffer -> ${http}`]],
    [
      'TCP',
      'PERMISSIVE',
      [
        `:8080 tls istio istio-peer-exchange ${meshHttp} -> TLS ${tcp}`,
        `:8080 tls -> ${tcp}`,
        `:8080 raw_buffer -> ${tcp}`,
      ],
    ],
    ['TCP', 'STRICT', [`:8080 tls -> TLS ${tcp}`]],
    ['TLS', 'DISABLE', [`:8080 raw_buffer -> ${tcp}`]],
    [
      'Auto',
      'PERMISSIVE',
      [
        `:8080 tls ${meshHttp} -> TLS ${http}`,
        `:8080 raw_buffer http/1.1 h2c -> ${http}`,
        `:8080 tls istio-peer-exchange istio -> TLS ${tcp}`,
        `:8080 raw_buffer -> ${tcp}`,
        `:8080 tls -> ${tcp}`,
      ],
    ],
    ['Auto', 'STRICT', [`:8080 tls ${meshHttp} -> TLS ${http}`, `:8080 tls -> TLS ${tcp}`]],
    ['Auto', 'DISABLE', [`:8080 raw_buffer http/1.1 h2c -> ${http}`, `:8080 raw_buffer -> ${tcp}`]],
  ])('%s %s', (protocol, mode, chains) => {
    expect(own(protocol, mode)).toEqual(chains);
  });

  test('where mutual TLS ends, and nowhere else, the peer is read from its certificate first', () => {
    const [secured, plain] = chainsOfPort(virtualInbound(inbound([inboundPortOf('HTTP', 'PERMISSIVE')])));
    expect(names(secured?.filters)).toEqual(['keelson.peer_metadata', 'http_connection_manager']);
    expect(names(plain?.filters)).toEqual(['http_connection_manager']);
    const config = secured?.filters?.[0]?.typed_config as unknown as {
      on_downstream_tls_handshake: readonly { object_key: string; format_string: object }[];
    };
    expect(config.on_downstream_tls_handshake.map(({ object_key: key }) => key)).toEqual([
      'mesh.peer.workload',
      'mesh.peer.namespace',
      'mesh.peer.app',
      'mesh.peer.version',
      'mesh.peer.cluster',
    ]);
    expect(config.on_downstream_tls_handshake[1]?.format_string).toEqual({
      omit_empty_values: true,
      text_format_source: {
        inline_string: String.raw`%CEL(re.extract(connection.subject_peer_certificate, '(?:^|.*,)O=([^,]*).*', '\\1'))%`,
      },
    });
  });

  test('chains are named by the address and port, and know the service port they are for', () => {
    const listener = virtualInbound(inbound([inboundPortOf('HTTP', 'STRICT')]));
    const index = (listener.filter_chains ?? []).findIndex(({ name }) => name === '0.0.0.0_8080');
    expect(originsOf(listener).get(`filter_chains[${index}].filters`)).toEqual([makeInboundPort().source]);
    expect(httpOf(listener.filter_chains?.[index]).stat_prefix).toBe('inbound_0.0.0.0_8080;');
  });

  test('MongoDB is observed before it is forwarded', () => {
    const [chain] = chainsOfPort(virtualInbound(inbound([inboundPortOf('Mongo', 'DISABLE')])));
    expect(names(chain?.filters)).toEqual(['mongo_proxy', 'tcp_proxy']);
  });
});

describe('HTTP on a port', () => {
  const manager = (protocol: Protocol): ReturnType<typeof httpOf> =>
    httpOf(chainsOfPort(virtualInbound(inbound([inboundPortOf(protocol, 'STRICT')])))[0]);

  test('one route for everything, named by the service port and repeated only when nothing was read', () => {
    expect(manager('HTTP').route_config).toEqual({
      name: 'inbound|8080||',
      validate_clusters: false,
      virtual_hosts: [
        {
          name: 'inbound|http|80',
          domains: ['*'],
          routes: [
            {
              name: 'default',
              match: { prefix: '/' },
              decorator: { operation: 'oven.bakery.svc.cluster.local:80/*' },
              route: {
                cluster: 'inbound|8080||',
                timeout: '0s',
                max_stream_duration: { max_stream_duration: '0s', grpc_timeout_header_max: '0s' },
                retry_policy: { retry_on: 'reset-before-request', num_retries: 2 },
              },
            },
          ],
        },
      ],
    });
  });

  test.each<[Protocol, boolean, boolean, boolean]>([
    ['HTTP', false, true, false],
    ['HTTP2', true, true, false],
    ['GRPC', true, false, false],
    ['GRPC-Web', true, false, true],
  ])('%s: HTTP/2 options %s, retries %s, gRPC for browsers %s', (protocol, http2, retries, web) => {
    const { http2_protocol_options: options, route_config: routes, http_filters: filters } = manager(protocol);
    expect(options !== undefined).toBe(http2);
    expect(routes?.virtual_hosts?.[0]?.routes?.[0]?.route?.retry_policy !== undefined).toBe(retries);
    expect(names(filters).includes('grpc_web')).toBe(web);
  });

  test('the application learns who called', () => {
    expect(manager('HTTP')).toMatchObject({
      forward_client_cert_details: 'APPEND_FORWARD',
      set_current_client_cert_details: { subject: true, dns: true, uri: true },
      server_name: 'istio-envoy',
    });
  });
});

describe('everything else', () => {
  const others = (mode: MtlsMode, portMtls: Readonly<Record<number, MtlsMode>> = {}): readonly string[] => {
    const view = makeProxyView(makeOutboundView([]), { inbound: makeInboundView({ defaultMtls: mode, portMtls }) });
    return inboundListeners(view).flatMap(({ message }) => summary(message as Listener));
  };
  const blackHole = ':15006 -> BlackHoleCluster';
  const pass = 'InboundPassthroughCluster';

  test.each<[MtlsMode, readonly string[]]>([
    [
      'PERMISSIVE',
      [
        `tls ${meshHttp} -> TLS HTTP ${pass}`,
        `raw_buffer http/1.1 h2c -> HTTP ${pass}`,
        `tls istio-peer-exchange istio -> TLS ${pass}`,
        `raw_buffer -> ${pass}`,
        `tls -> ${pass}`,
      ],
    ],
    ['STRICT', [`tls ${meshHttp} -> TLS HTTP ${pass}`, `tls -> TLS ${pass}`]],
    ['DISABLE', [`raw_buffer http/1.1 h2c -> HTTP ${pass}`, `raw_buffer -> ${pass}`]],
  ])('%s', (mode, chains) => {
    expect(others(mode)).toEqual([blackHole, ...chains]);
  });

  test('a port that only a PeerAuthentication names has its own mode', () => {
    expect(others('STRICT', { 9500: 'DISABLE', 9400: 'STRICT' }).slice(3)).toEqual([
      `:9400 tls ${meshHttp} -> TLS HTTP ${pass}`,
      `:9400 tls -> TLS ${pass}`,
      `:9500 raw_buffer http/1.1 h2c -> HTTP ${pass}`,
      `:9500 raw_buffer -> ${pass}`,
    ]);
  });

  test('names of chains, routes and statistics', () => {
    const chains = virtualInbound(inbound([])).filter_chains ?? [];
    expect(chains.map(({ name }) => name)).toEqual([
      'virtualInbound-blackhole',
      'virtualInbound-catchall-http',
      'virtualInbound-catchall-http',
      'virtualInbound',
      'virtualInbound',
      'virtualInbound',
    ]);
    const { stat_prefix: prefix, route_config: routes } = httpOf(chains[1]);
    expect(prefix).toBe('InboundPassthroughCluster;');
    expect(routes?.virtual_hosts?.[0]).toMatchObject({
      name: 'inbound|http|0',
      routes: [{ decorator: { operation: ':0/*' } }],
    });
    const settings = makeSettings({ inboundClusterStatName: 'in-%SERVICE%-%SERVICE_PORT%-%SERVICE_PORT_NAME%' });
    const counted =
      virtualInbound(inbound([makeInboundPort({ servicePort: makePort(80, 'TCP') })], { settings })).filter_chains ??
      [];
    expect(tcpProxyOf(counted[4]).stat_prefix).toBe('in--0-virtualInbound');
    expect(tcpProxyOf(counted.at(-1)).stat_prefix).toBe('in-oven.bakery-80-tcp-80');
  });
});
