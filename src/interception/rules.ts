// The rules by which the kernel leads a Pod's connections through its proxy, in the words of iptables-restore. All of them
// stand in chains of our own, so that a second run replaces what the first one wrote.
// https://istio.io/latest/docs/ops/deployment/application-requirements/
import type { InterceptionOptions } from './options.ts';

import { dnsPort } from './options.ts';

export type Family = 'ipv4' | 'ipv6';

/** A line that leads from one of the kernel's chains into one of ours. */
interface Jump {
  readonly table: string;
  readonly line: string;
}

/** Arguments of `ip`. Removing may fail: there may be nothing to remove. */
export interface RoutingStep {
  readonly removes: boolean;
  readonly args: readonly string[];
}

export interface InterceptionRules {
  /** For `iptables-restore --noflush`, with the jumps that are not in `existing` yet. */
  readonly text: string;
  /** For packets that TPROXY marked: what `ip` is told; a rule that is there already is not added twice. */
  readonly routing: readonly RoutingStep[];
}

const mark = '1337';
const sentByProxy = '1338';
const routingTable = '133';

/** What the rules depend on that is found where they are applied. */
export interface Surroundings {
  /** What `iptables-save` prints. */
  readonly existing: string;
  /** The resolvers whose queries are captured, of this family. */
  readonly dnsServers: readonly string[];
}

export function interceptionRules(
  options: InterceptionOptions,
  family: Family,
  { existing, dnsServers }: Surroundings,
): InterceptionRules {
  const present = linesByTable(existing);
  const servers = options.captureDns ? dnsServers : [];
  const tables = {
    raw: rawChains(options, servers),
    mangle: mangleChains(options, family),
    nat: natChains(options, family, servers),
  };
  const jumps = Object.entries(tables)
    .filter(([, chains]) => Object.keys(chains).length > 0)
    .flatMap(([table]) => jumpLines.map((line): Jump => ({ table, line })))
    .filter(({ table, line }) => !present.has(`${table} ${line}`));
  const text = Object.entries(tables)
    .filter(([, chains]) => Object.keys(chains).length > 0)
    .map(([table, chains]) => section(table, chains, jumps))
    .join('');
  return { text, routing: options.mode === 'TPROXY' ? routing(family) : [] };
}

type Chains = Readonly<Record<string, readonly string[]>>;

const section = (table: string, chains: Chains, jumps: readonly Jump[]): string =>
  [
    `*${table}`,
    ...Object.keys(chains).map((chain) => `:${chain} - [0:0]`),
    ...Object.entries(chains).flatMap(([chain, rules]) => rules.map((rule) => `-A ${chain} ${rule}`)),
    ...jumps.filter((jump) => jump.table === table).map(({ line }) => line),
    'COMMIT\n',
  ].join('\n');

/** As `iptables-save` prints them. */
const jumpLines = ['-A PREROUTING -j KEELSON_PREROUTING', '-A OUTPUT -j KEELSON_OUTPUT'];

function linesByTable(saved: string): ReadonlySet<string> {
  let table = '';
  return new Set(
    saved.split('\n').map((line) => {
      if (line.startsWith('*')) table = line.slice(1).trim();
      return `${table} ${line.trim()}`;
    }),
  );
}

const loopback = { ipv4: '127.0.0.1/32', ipv6: '::1/128' } as const;
/** Where the proxy connects to the application from. */
const proxySource = { ipv4: '127.0.0.6/32', ipv6: '::6/128' } as const;

function natChains(options: InterceptionOptions, family: Family, dnsServers: readonly string[]): Chains {
  const { outboundPort, inboundPort, virtualInterfaces, excludedInterfaces } = options;
  const ranges = ofFamily(options, family);
  const intoProxy = virtualInterfaces.flatMap((name) => [
    ...(ranges.included === '*'
      ? [`-i ${name} -p tcp -j KEELSON_TO_OUTBOUND`]
      : ranges.included.map((range) => `-i ${name} -p tcp -d ${range} -j KEELSON_TO_OUTBOUND`)),
    `-i ${name} -j RETURN`,
  ]);
  return {
    KEELSON_PREROUTING: [
      ...excludedInterfaces.map((name) => `-i ${name} -j RETURN`),
      ...intoProxy,
      '-p tcp -j KEELSON_INBOUND',
    ],
    KEELSON_INBOUND: options.mode === 'TPROXY' ? [] : inbound(options, ['-j KEELSON_TO_INBOUND']),
    // The proxy's own connections to the Pod's address come back in, so that a call to oneself passes both ways.
    KEELSON_TO_INBOUND: options.mode === 'TPROXY' ? [] : [`-p tcp -j REDIRECT --to-ports ${inboundPort}`],
    KEELSON_TO_OUTBOUND: [`-p tcp -j REDIRECT --to-ports ${outboundPort}`],
    KEELSON_OUTPUT: [
      ...excludedInterfaces.map((name) => `-o ${name} -j RETURN`),
      ...dnsQueries(options, dnsServers),
      '-p tcp -j KEELSON_OUTBOUND',
    ],
    KEELSON_OUTBOUND: outbound(options, family),
  };
}

/** With ports listed those and no others, without any list all but the excluded ones. */
function inbound(
  { inboundPorts, excludedInboundPorts }: InterceptionOptions,
  verdicts: readonly string[],
): readonly string[] {
  if (inboundPorts !== '*')
    return inboundPorts.flatMap((port) => verdicts.map((verdict) => `-p tcp --dport ${port} ${verdict}`));
  return [
    ...excludedInboundPorts.map((port) => `-p tcp --dport ${port} -j RETURN`),
    ...verdicts.map((verdict) => `-p tcp ${verdict}`),
  ];
}

function outbound(options: InterceptionOptions, family: Family): readonly string[] {
  const ranges = ofFamily(options, family);
  const { outboundPorts } = options;
  return [
    ...options.excludedOutboundPorts.map((port) => `-p tcp --dport ${port} -j RETURN`),
    `-s ${proxySource[family]} -o lo -j RETURN`,
    ...owners(options).flatMap((owner) => ofProxy(owner, family)),
    '-o lo -j RETURN',
    ...ranges.excluded.map((range) => `-d ${range} -j RETURN`),
    ...(outboundPorts === '*'
      ? ['-p tcp -j KEELSON_TO_OUTBOUND']
      : outboundPorts.map((port) => `-p tcp --dport ${port} -j KEELSON_TO_OUTBOUND`)),
    ...(ranges.included === '*'
      ? ['-p tcp -j KEELSON_TO_OUTBOUND']
      : ranges.included.map((range) => `-p tcp -d ${range} -j KEELSON_TO_OUTBOUND`)),
  ];
}

const owners = ({ proxyUids, proxyGids }: InterceptionOptions): readonly string[] => [
  ...proxyUids.map((uid) => `--uid-owner ${uid}`),
  ...proxyGids.map((gid) => `--gid-owner ${gid}`),
];

/** Over loopback the proxy comes back in, unless it calls 127.0.0.1; elsewhere it goes its own way. */
const ofProxy = (owner: string, family: Family): readonly string[] => [
  `! -d ${loopback[family]} -o lo -p tcp -m owner ${owner} -j KEELSON_TO_INBOUND`,
  `-m owner ${owner} -j RETURN`,
];

const dnsQueries = (options: InterceptionOptions, servers: readonly string[]): readonly string[] =>
  servers.length === 0
    ? []
    : [
        ...owners(options).map((owner) => `-p udp --dport 53 -m owner ${owner} -j RETURN`),
        ...servers.map((server) => `-p udp --dport 53 -d ${server} -j REDIRECT --to-ports ${dnsPort}`),
      ];

/**
 * The proxy asks the same resolver from the same Pod as the application does: queries of both, from equal ports, must not
 * be taken for one connection.
 */
const rawChains = (options: InterceptionOptions, servers: readonly string[]): Chains =>
  servers.length === 0
    ? {}
    : {
        KEELSON_OUTPUT: owners(options).map((owner) => `-p udp --dport 53 -m owner ${owner} -j CT --zone 1`),
        KEELSON_PREROUTING: servers.map((server) => `-p udp --sport 53 -s ${server} -j CT --zone 1`),
      };

/** https://docs.kernel.org/networking/tproxy.html */
function mangleChains(options: InterceptionOptions, family: Family): Chains {
  if (options.mode !== 'TPROXY') return {};
  const { inboundPort, excludedInterfaces } = options;
  return {
    KEELSON_DIVERT: [`-j MARK --set-mark ${mark}`, '-j ACCEPT'],
    KEELSON_TPROXY: [
      `! -d ${loopback[family]} -p tcp -j TPROXY --on-port ${inboundPort} --tproxy-mark ${mark}/0xffffffff`,
    ],
    KEELSON_PREROUTING: [
      ...excludedInterfaces.map((name) => `-i ${name} -j RETURN`),
      '-p tcp -j KEELSON_INBOUND',
      `-p tcp -m mark --mark ${mark} -j CONNMARK --save-mark`,
    ],
    KEELSON_OUTPUT: [
      ...excludedInterfaces.map((name) => `-o ${name} -j RETURN`),
      `-p tcp -o lo -m mark --mark ${mark} -j RETURN`,
      ...owners(options).map(
        (owner) => `! -d ${loopback[family]} -p tcp -o lo -m owner ${owner} -j MARK --set-mark ${sentByProxy}`,
      ),
      `-p tcp -m connmark --mark ${mark} -j CONNMARK --restore-mark`,
    ],
    KEELSON_INBOUND: [
      `-p tcp -m mark --mark ${mark} -j RETURN`,
      `-p tcp -s ${proxySource[family]} -i lo -j RETURN`,
      `-p tcp -i lo -m mark ! --mark ${sentByProxy} -j RETURN`,
      ...inbound(options, ['-m conntrack --ctstate RELATED,ESTABLISHED -j KEELSON_DIVERT', '-j KEELSON_TPROXY']),
    ],
  };
}

function routing(family: Family): readonly RoutingStep[] {
  const of = family === 'ipv6' ? '-6' : '-4';
  const rule = ['fwmark', mark, 'lookup', routingTable];
  return [
    { removes: true, args: [of, 'rule', 'del', ...rule] },
    { removes: false, args: [of, 'rule', 'add', ...rule] },
    { removes: false, args: [of, 'route', 'replace', 'local', 'default', 'dev', 'lo', 'table', routingTable] },
  ];
}

interface Ranges {
  readonly included: '*' | readonly string[];
  readonly excluded: readonly string[];
}

function ofFamily({ outboundRanges, excludedOutboundRanges }: InterceptionOptions, family: Family): Ranges {
  const fits = (range: string): boolean => range.includes(':') === (family === 'ipv6');
  return {
    included: outboundRanges === '*' ? '*' : outboundRanges.filter(fits),
    excluded: excludedOutboundRanges.filter(fits),
  };
}
