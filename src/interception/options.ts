// What is redirected to the proxy of a Pod, and how it is written on a command line: the letters of `istio-iptables`, so
// that what injectors and people write for that works here.
// https://istio.io/latest/docs/reference/config/annotations/
export interface InterceptionOptions {
  /** REDIRECT: the proxy connects to the application. TPROXY: the application sees the client's own address. */
  readonly mode: 'REDIRECT' | 'TPROXY';
  readonly outboundPort: number;
  readonly inboundPort: number;
  /** Users and groups that the proxy runs as: their connections are not redirected. */
  readonly proxyUids: readonly string[];
  readonly proxyGids: readonly string[];
  /** `*`: all but the excluded ones. */
  readonly inboundPorts: '*' | readonly number[];
  readonly excludedInboundPorts: readonly number[];
  /** Redirected wherever they lead. */
  readonly outboundPorts: '*' | readonly number[];
  readonly excludedOutboundPorts: readonly number[];
  readonly outboundRanges: '*' | readonly string[];
  readonly excludedOutboundRanges: readonly string[];
  /** What comes from these, as from virtual machines in the Pod, counts as outbound. */
  readonly virtualInterfaces: readonly string[];
  readonly excludedInterfaces: readonly string[];
  /** UDP queries to port 53 are led to the proxy. */
  readonly captureDns: boolean;
}

export const dnsPort = 15053;

/** A command line that does not say what it should; the message goes to the user. */
export class InterceptionFault extends Error {
  override readonly name = 'InterceptionFault';
}

/** The inverse of `interceptionOptions`. */
export function interceptionArgs(options: InterceptionOptions): readonly string[] {
  const list = (flag: string, values: readonly (string | number)[]) =>
    values.length === 0 ? [] : [flag, values.join(',')];
  const all = (values: '*' | readonly (string | number)[]) => (values === '*' ? '*' : values.join(','));
  return [
    ['-p', String(options.outboundPort), '-z', String(options.inboundPort)],
    ['-u', options.proxyUids.join(',')],
    options.proxyGids.join(',') === options.proxyUids.join(',') ? [] : list('-g', options.proxyGids),
    ['-m', options.mode],
    ['-i', all(options.outboundRanges), '-x', options.excludedOutboundRanges.join(',')],
    ['-b', all(options.inboundPorts), '-d', options.excludedInboundPorts.join(',')],
    options.outboundPorts === '*' ? ['-q', '*'] : list('-q', options.outboundPorts),
    list('-o', options.excludedOutboundPorts),
    list('-k', options.virtualInterfaces),
    list('-c', options.excludedInterfaces),
    options.captureDns ? ['--redirect-dns'] : [],
  ].flat();
}

/** The words of the command line, by long name; values as written. */
export const interceptionFlags = {
  'envoy-port': { type: 'string', short: 'p', default: '15001' },
  'inbound-capture-port': { type: 'string', short: 'z', default: '15006' },
  'proxy-uid': { type: 'string', short: 'u', default: '1337' },
  'proxy-gid': { type: 'string', short: 'g', default: '' },
  'istio-inbound-interception-mode': { type: 'string', short: 'm', default: 'REDIRECT' },
  'istio-service-cidr': { type: 'string', short: 'i', default: '' },
  'istio-service-exclude-cidr': { type: 'string', short: 'x', default: '' },
  'istio-inbound-ports': { type: 'string', short: 'b', default: '' },
  'istio-local-exclude-ports': { type: 'string', short: 'd', default: '' },
  'istio-outbound-ports': { type: 'string', short: 'q', default: '' },
  'istio-local-outbound-ports-exclude': { type: 'string', short: 'o', default: '' },
  'kube-virt-interfaces': { type: 'string', short: 'k', default: '' },
  'istio-exclude-interfaces': { type: 'string', short: 'c', default: '' },
  'redirect-dns': { type: 'boolean', default: false },
} as const;

type Flags = { readonly [F in keyof typeof interceptionFlags]: string | boolean };

/** Throws InterceptionFault. */
export function interceptionOptions(flags: Flags): InterceptionOptions {
  const text = (flag: keyof typeof interceptionFlags): string => String(flags[flag]);
  const items = (flag: keyof typeof interceptionFlags): readonly string[] =>
    text(flag)
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  const ports = (flag: keyof typeof interceptionFlags): readonly number[] =>
    items(flag).map((item) => port(flag, item));
  const mode = text('istio-inbound-interception-mode');
  if (mode !== 'REDIRECT' && mode !== 'TPROXY')
    throw new InterceptionFault(`--istio-inbound-interception-mode ${mode}: write REDIRECT or TPROXY`);
  const ids = (flag: keyof typeof interceptionFlags) => items(flag).map((item) => checked(flag, item, /^\d{1,10}$/));
  const ranges = (flag: keyof typeof interceptionFlags) => items(flag).map((item) => checked(flag, item, range));
  const interfaces = (flag: keyof typeof interceptionFlags) =>
    items(flag).map((item) => checked(flag, item, interfaceName));
  const proxyUids = ids('proxy-uid');
  const gids = ids('proxy-gid');
  const isAll = (flag: keyof typeof interceptionFlags) => text(flag).trim() === '*';
  return {
    mode,
    outboundPort: port('envoy-port', text('envoy-port')),
    inboundPort: port('inbound-capture-port', text('inbound-capture-port')),
    proxyUids,
    proxyGids: gids.length > 0 ? gids : proxyUids,
    inboundPorts: isAll('istio-inbound-ports') ? '*' : ports('istio-inbound-ports'),
    excludedInboundPorts: ports('istio-local-exclude-ports'),
    outboundPorts: isAll('istio-outbound-ports') ? '*' : ports('istio-outbound-ports'),
    excludedOutboundPorts: ports('istio-local-outbound-ports-exclude'),
    outboundRanges: isAll('istio-service-cidr') ? '*' : ranges('istio-service-cidr'),
    excludedOutboundRanges: ranges('istio-service-exclude-cidr'),
    virtualInterfaces: interfaces('kube-virt-interfaces'),
    excludedInterfaces: interfaces('istio-exclude-interfaces'),
    captureDns: flags['redirect-dns'] === true,
  };
}

const range = /^[\da-fA-F.:]{2,45}(\/\d{1,3})?$/;
/** As the kernel takes it; `+` at the end means every interface that begins so. */
const interfaceName = /^[\w.:@-]{1,15}\+?$/;

function port(flag: string, text: string): number {
  const value = /^\d{1,5}$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= 65_535) return value;
  throw new InterceptionFault(`--${flag}: '${text}' is no port`);
}

function checked(flag: string, text: string, pattern: RegExp): string {
  if (pattern.test(text)) return text;
  throw new InterceptionFault(`--${flag}: '${text}' cannot be read`);
}
