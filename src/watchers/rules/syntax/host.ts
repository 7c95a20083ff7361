// Host names: RFC 1123 labels, and where a wildcard may stand.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#VirtualService
import { isIP } from 'node:net';

const label = /^[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?$/;
const longestName = 255;
const longestLabel = 63;

export const isDnsLabel = (text: string): boolean => text.length <= longestLabel && label.test(text);

/** What is wrong with `name` as a fully qualified name (a short name is one too, a final dot is allowed). */
export function dnsNameFault(name: string): string | undefined {
  return lengthFault(name) ?? labelsFault(name, name);
}

/** As dnsNameFault, but the first label may be `*`, or begin with `*` or `*-`. */
export function wildcardNameFault(name: string): string | undefined {
  const fault = lengthFault(name);
  if (fault !== undefined) return fault;
  const dot = name.indexOf('.');
  const firstLabel = dot < 0 ? name : name.slice(0, dot);
  if (!isWildcardLabel(firstLabel)) return labelFault(name, firstLabel);
  return dot < 0 ? undefined : labelsFault(name, name.slice(dot + 1));
}

/** A wildcard that is not a whole label: `*foo.example.com`. */
export const hasPartialWildcard = (name: string): boolean =>
  name.includes('*') && name !== '*' && !name.startsWith('*.');

export const isWildcard = (name: string): boolean => name.startsWith('*');

/** Every name that `inner` covers, `outer` covers too. */
export function covers(outer: string, inner: string): boolean {
  if (!isWildcard(outer)) return outer === inner;
  const suffix = outer.slice(1);
  return isWildcard(inner)
    ? inner.length >= outer.length && inner.slice(1).endsWith(suffix)
    : inner.length >= suffix.length && inner.endsWith(suffix);
}

/** `outbound_.80_.subset_.host`: the server name of cross-network traffic inside a mesh. */
export const isGeneratedSni = (host: string): boolean => /^outbound_\.?\d[^_]*_[^_]*_\.?[A-Za-z]/.test(host);

export const isAddress = (text: string): boolean => isIP(text) !== 0;

/** What is wrong with `text` as an address or CIDR block. */
export function subnetFault(text: string): string | undefined {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || address.includes('%')) return `"${text}" is not an IP address or CIDR block`;
  if (bits === undefined) return undefined;
  const widest = family === 4 ? 32 : 128;
  return rest.length === 0 && /^(0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= widest
    ? undefined
    : `"${text}" is not a CIDR block: the prefix length must be 0 to ${widest}`;
}

export const unixPrefix = 'unix://';

/** What is wrong with what follows `unix://`. */
export function socketPathFault(path: string): string | undefined {
  if (path.startsWith('@')) return undefined;
  return path.startsWith('/') && !path.endsWith('/') ? undefined : `"${path}" is not an absolute path to a file`;
}

function lengthFault(name: string): string | undefined {
  if (name === '') return 'a host name must not be empty';
  return name.length > longestName ? `a host name may have at most ${longestName} characters` : undefined;
}

function labelsFault(name: string, tail: string): string | undefined {
  const labels = tail.split('.');
  const last = labels.at(-1) ?? '';
  if (/^[-+]?\d+$/.test(last)) return `"${name}" is not a host name: its last label "${last}" is a number`;
  if (last === '' && labels.length > 1) labels.pop();
  const bad = labels.find((part) => !isDnsLabel(part));
  return bad === undefined ? undefined : labelFault(name, bad);
}

const isWildcardLabel = (text: string): boolean =>
  text === '*' || (text.length <= longestLabel && label.test(text.replace(/^\*-?/, '')));

const labelFault = (name: string, part: string): string =>
  `"${name}" is not a host name: the label "${part}" must be letters, digits and inner dashes, at most ${longestLabel}`;
