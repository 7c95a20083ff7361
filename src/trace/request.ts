// What is traced: one connection and, where it carries HTTP, one request on it, as the proxy that decides about it sees them.

/** Who is at the other end of a connection, as far as it is proven. */
export interface Peer {
  readonly address: string;
  /** SPIFFE id of the certificate shown in mutual TLS; undefined without one. */
  readonly principal: string | undefined;
}

export interface HttpRequest {
  readonly method: string;
  /** The Host header or :authority. */
  readonly host: string;
  /** With its query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Claims of a token that is valid for its issuer; undefined without a token. */
  readonly claims: Readonly<Record<string, unknown>> | undefined;
}

export interface TlsHello {
  readonly serverName: string;
  readonly protocols: readonly string[];
}

export interface Connection {
  readonly source: Peer;
  /** Where the client connects to: for captured connections the original destination. */
  readonly destination: { readonly address: string; readonly port: number };
  /** The proxy knows it as what the client meant, rather than as an address of its own. */
  readonly isOriginal?: boolean;
  /** What the client begins with; undefined for plaintext. */
  readonly tls: TlsHello | undefined;
  /** The proxy itself has ended TLS, and sees what is inside. */
  readonly isTerminated?: boolean;
  /** undefined: bytes that are not HTTP, or nobody is asked what is inside of TLS. */
  readonly http: HttpRequest | undefined;
}

/** A pseudo header or a header, as Envoy's matchers name them; undefined if it is not there. */
export function headerOf(request: HttpRequest, name: string): string | undefined {
  switch (name.toLowerCase()) {
    case ':authority':
    case 'host':
      return request.host;
    case ':path':
      return request.path;
    case ':method':
      return request.method;
    case ':scheme':
      return 'http';
    default:
      return Object.hasOwn(request.headers, name.toLowerCase()) ? request.headers[name.toLowerCase()] : undefined;
  }
}

export const pathOnly = (path: string): string => path.replace(/[?#].*$/s, '');
