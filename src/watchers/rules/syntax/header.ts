// HTTP header names and Envoy's format of header values, in which % begins a command.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#custom-request-response-headers

/** RFC 9110 token. */
const token = /^[-!#$%&'*+.^_`|~0-9A-Za-z]+$/;
const pseudoHeaders: ReadonlySet<string> = new Set([':method', ':scheme', ':authority', ':path', ':status']);
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const control = /[\u0000-\u0008\u000a-\u001f\u007f]/;

export const isHeaderName = (name: string): boolean => token.test(name);
export const isStrictHeaderName = (name: string): boolean => /^[-_A-Za-z0-9]+$/.test(name);
export const isPseudoHeader = (name: string): boolean => pseudoHeaders.has(name);
export const isAuthority = (name: string): boolean => /^(:authority|host)$/i.test(name);
/** Headers that Envoy does not let routes set: pseudo headers and Host. */
export const isInternal = (name: string): boolean => name.startsWith(':') || /^host$/i.test(name);

/** Routing by a claim of the request's JWT: `@request.auth.claims.group` or `@request.auth.claims[group]`. */
export const isClaim = (name: string): boolean => /^@request\.auth\.claims(\.|\[)/i.test(name);

/** What is wrong with `value` as a header value: every % must be doubled or begin a closed command. */
export function headerValueFault(value: string): string | undefined {
  if (control.test(value)) return 'a header value must not hold control characters';
  let at = value.indexOf('%');
  while (at >= 0) {
    const end = value[at + 1] === '%' ? at + 1 : commandEnd(value, at + 1);
    if (end < 0) return 'a % in a header value must be doubled (%%) or begin a command such as %REQ(:path)%';
    at = value.indexOf('%', end + 1);
  }
  return undefined;
}

/** Index of the % that closes the command whose name begins at `start`; -1 without one. */
function commandEnd(value: string, start: number): number {
  if (start >= value.length) return -1;
  const open = value.indexOf('(', start);
  const plain = value.indexOf('%', start);
  if (open < 0 || (plain >= 0 && plain < open)) return plain;
  const close = value.indexOf(')', open);
  if (close < 0) return -1;
  const closing = value.indexOf('%', close);
  // Between the parentheses and the closing % there may be spaces or a length such as :12.
  return closing >= 0 && /^[ :\d]*$/.test(value.slice(close + 1, closing)) ? closing : -1;
}
