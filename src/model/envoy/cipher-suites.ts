// The cipher suites that Envoy's BoringSSL knows for TLS 1.2 and below.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/transport_sockets/tls/v3/common.proto

const known: ReadonlySet<string> = new Set(
  ['ECDHE-ECDSA-', 'ECDHE-RSA-', '']
    .flatMap((exchange) =>
      ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'AES128-SHA', 'AES256-SHA'].map((cipher) => exchange + cipher),
    )
    .concat('ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305', 'DES-CBC3-SHA', 'ALL', ''),
);

/** An operator such as - or + may stand before a suite; such an expression is taken as it is. */
export const isCipherSuite = (text: string): boolean => !/^[A-Za-z0-9]/.test(text) || known.has(text);

/** Those that are known, each once. */
export const usableCipherSuites = (suites: readonly string[]): readonly string[] => [
  ...new Set(suites.filter(isCipherSuite)),
];
