// Which connections to a port a proxy takes, and what it does with each: by the port's protocol and its mutual TLS mode.
// Envoy does not try another chain once one condition of a chain has held, so every kind of connection has its own.
// https://istio.io/latest/docs/concepts/security/#peer-authentication
import type { MtlsMode, Protocol } from '../../../../model/mesh/mesh.ts';
import { isHttp } from '../../../resolve/services/protocol.ts';
import { plaintextHttp } from '../filter-chain.ts';

export interface InboundMatch {
  readonly transportProtocol: 'tls' | 'raw_buffer';
  readonly applicationProtocols?: readonly string[];
  /** Mutual TLS of the mesh ends here; otherwise bytes are taken as they come. */
  readonly mtls: boolean;
  readonly http: boolean;
}

/** What callers in the mesh announce: HTTP, anything else, and either. */
const meshHttp: readonly string[] = ['istio-http/1.0', 'istio-http/1.1', 'istio-h2'];
const meshTcp: readonly string[] = ['istio-peer-exchange', 'istio'];
const meshAny: readonly string[] = ['istio', 'istio-peer-exchange', ...meshHttp];

type Kind = 'http' | 'tcp' | 'auto';

const tls = (http: boolean, applicationProtocols?: readonly string[]): InboundMatch => ({
  transportProtocol: 'tls',
  ...(applicationProtocols !== undefined && { applicationProtocols }),
  mtls: true,
  http,
});

const plain = (http: boolean, applicationProtocols?: readonly string[]): InboundMatch => ({
  transportProtocol: 'raw_buffer',
  ...(applicationProtocols !== undefined && { applicationProtocols }),
  mtls: false,
  http,
});

/** TLS of the application's own. */
const foreignTls: InboundMatch = { transportProtocol: 'tls', mtls: false, http: false };

const matches: Readonly<Record<MtlsMode, Readonly<Record<Kind, readonly InboundMatch[]>>>> = {
  PERMISSIVE: {
    http: [tls(true, meshAny), plain(true)],
    tcp: [tls(false, meshAny), foreignTls, plain(false)],
    auto: [tls(true, meshHttp), plain(true, plaintextHttp), tls(false, meshTcp), plain(false), foreignTls],
  },
  STRICT: {
    http: [tls(true)],
    tcp: [tls(false)],
    auto: [tls(true, meshHttp), tls(false)],
  },
  DISABLE: {
    http: [plain(true)],
    tcp: [plain(false)],
    auto: [plain(true, plaintextHttp), plain(false)],
  },
};

export const inboundMatches = (mode: MtlsMode, protocol: Protocol): readonly InboundMatch[] =>
  matches[mode][kindOf(protocol)];

function kindOf(protocol: Protocol): Kind {
  if (isHttp(protocol)) return 'http';
  return protocol === 'Auto' ? 'auto' : 'tcp';
}
