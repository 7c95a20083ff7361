// `keelson trace`: what becomes of one request, decision by decision, with the objects behind each: at the proxy of who
// sends it, and at that of who receives it.
import { parseArgs } from 'node:util';

import { describeSource } from '../model/source.ts';
import type { Hop, TracedBranch, TracedProxy } from '../trace/journey.ts';
import { traceJourney } from '../trace/journey.ts';
import type { Connection } from '../trace/request.ts';
import type { Ending, Step } from '../trace/step.ts';
import type { Io } from './io.ts';
import { exit, UsageError } from './io.ts';
import type { MeshReader } from './mesh-reader.ts';
import { meshOptions, meshOptionsHelp, openMesh } from './mesh-reader.ts';

const help = `Simulates one request on the configuration that proxies have, and shows every decision with its cause.

Usage: keelson trace (--config FILE_OR_DIR... | --server URL) --from POD.NAMESPACE [METHOD] URL

  URL  http://store/path for HTTP, https://store for TLS that the client begins, tcp://db:3306 for bytes

${meshOptionsHelp}
  --from NAME        who sends: a workload's proxy, or a gateway that a client outside of the mesh calls
  --header 'K: V'    a header of the request; may be repeated
  --claim K=V        a claim of a valid token that comes with it (iss=... names the issuer); may be repeated
  --address IP       where the client connects to, if not to the address of the service
  --source IP        where the client of a gateway calls from
  --json             machine-readable output

Exit code: 0 if the request may arrive, 1 if it cannot, 2 for wrong use.

  keelson trace --config shop/ --from web-1.shop GET http://store/items --header 'x-user: ann'
`;

const options = {
  ...meshOptions,
  from: { type: 'string' },
  header: { type: 'string', multiple: true },
  claim: { type: 'string', multiple: true },
  address: { type: 'string' },
  source: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** For documentation: no such address exists. */
const someClient = '198.51.100.1';
const someServer = '192.0.2.1';

export async function trace(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], allowPositionals: true, options });
  if (values.help === true) return (io.stdout(help), exit.fine);
  if (values.from === undefined) throw new UsageError('--from is missing: who sends the request');
  const [url, method = 'GET'] = positionals.toReversed();
  if (url === undefined || positionals.length > 2) throw new UsageError('say one request: [METHOD] URL');
  const hop = await tracedRequest(await openMesh(values), {
    from: values.from,
    method,
    url,
    headers: values.header ?? [],
    claims: values.claim ?? [],
    ...(values.address !== undefined && { address: values.address }),
    ...(values.source !== undefined && { source: values.source }),
  });
  io.stdout(values.json === true ? `${JSON.stringify(hop, null, 2)}\n` : lines(hop, '').join('\n') + '\n');
  return arrives(hop) ? exit.fine : exit.bad;
}

/** One request, as people write it. */
export interface WrittenRequest {
  /** `pod.namespace` of the proxy that it comes to first. */
  readonly from: string;
  readonly method: string;
  readonly url: string;
  /** `name: value` */
  readonly headers: readonly string[];
  /** `name=value` */
  readonly claims: readonly string[];
  /** Where the client connects to, if not to the address of the service. */
  readonly address?: string;
  /** Where the client of a gateway calls from. */
  readonly source?: string;
}

/** What becomes of it. Throws a UsageError for what is no request, and for a proxy that is not there. */
export async function tracedRequest(mesh: MeshReader, written: WrittenRequest): Promise<Hop> {
  const { proxy, isGateway } = await readProxy(mesh, written.from);
  const wanted = requestOf(written.url, written.method.toUpperCase(), written.headers, written.claims);
  const address = written.address ?? (isGateway ? proxy.address : addressOf(mesh, wanted.hostname, proxy.name));
  const connection: Connection = {
    ...wanted.connection,
    source: { address: isGateway ? (written.source ?? someClient) : proxy.address, principal: undefined },
    destination: { address, port: wanted.port },
  };
  return journey(mesh, proxy, connection);
}

async function readProxy(mesh: MeshReader, name: string): Promise<{ proxy: TracedProxy; isGateway: boolean }> {
  const { node, resources } = await mesh.read(name);
  const [type, address = ''] = node.id.split('~');
  const namespace = name.slice(name.lastIndexOf('.') + 1);
  const { SERVICE_ACCOUNT: claimed } = node.metadata;
  const account = typeof claimed === 'string' ? claimed : 'default';
  const principal = `spiffe://${mesh.trustDomain}/ns/${namespace}/sa/${account}`;
  return { proxy: { name, address, principal, configuration: resources }, isGateway: type === 'router' };
}

/** Receivers are read when the first look has shown who they are. */
async function journey(mesh: MeshReader, from: TracedProxy, connection: Connection): Promise<Hop> {
  const asked = new Set<string>();
  traceJourney(from, 'outbound', connection, (address) => (asked.add(address), undefined));
  const receivers = mesh.proxies.filter(({ address }) => asked.has(address));
  const read = await Promise.all(
    receivers.map(async ({ name, address }) => [address, (await readProxy(mesh, name)).proxy] as const),
  );
  const proxies = new Map(read);
  return traceJourney(from, 'outbound', connection, (address) => proxies.get(address));
}

interface Wanted {
  readonly hostname: string;
  readonly port: number;
  readonly connection: Pick<Connection, 'tls' | 'http'>;
}

const ports: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

function requestOf(text: string, method: string, headers: readonly string[], claims: readonly string[]): Wanted {
  const withScheme = text.includes('://') ? text : `http://${text}`;
  if (!URL.canParse(withScheme)) throw new UsageError(`'${text}' is no URL`);
  const { protocol, hostname, port } = new URL(withScheme);
  const number = Number(port) || ports[protocol];
  if (number === undefined) throw new UsageError(`'${text}' has no port, and ${protocol}// has no usual one`);
  const http = {
    method,
    host: headersOf(headers)['host'] ?? (port === '' ? hostname : `${hostname}:${port}`),
    // As written: URL would resolve dot segments.
    path: /^[^:]+:\/\/[^/?#]*([^#]*)/.exec(withScheme)?.[1]?.replace(/^(?!\/)/, '/') ?? '/',
    headers: headersOf(headers),
    claims: claims.length === 0 ? undefined : claimsOf(claims),
  };
  if (protocol === 'http:') return { hostname, port: number, connection: { tls: undefined, http } };
  if (protocol === 'https:')
    return {
      hostname,
      port: number,
      connection: { tls: { serverName: hostname, protocols: ['h2', 'http/1.1'] }, http },
    };
  return { hostname, port: number, connection: { tls: undefined, http: undefined } };
}

const headersOf = (headers: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    headers.map((header) => {
      const colon = header.indexOf(':');
      if (colon < 1) throw new UsageError(`--header '${header}': write 'name: value'`);
      return [header.slice(0, colon).trim().toLowerCase(), header.slice(colon + 1).trim()];
    }),
  );

const claimsOf = (claims: readonly string[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(claims.map((claim) => [claim.split('=')[0] ?? '', claim.slice(claim.indexOf('=') + 1)]));

/** As DNS would: the name as it stands, then within the caller's namespace. */
function addressOf({ services }: MeshReader, hostname: string, proxy: string): string {
  if (/^[\d.]+$|:/.test(hostname)) return hostname.replace(/^\[|\]$/g, '');
  const namespace = proxy.slice(proxy.lastIndexOf('.') + 1);
  const isMeant = (each: string, ns: string): boolean =>
    each === hostname ||
    each.startsWith(`${hostname}.svc.`) ||
    (ns === namespace && each.startsWith(`${hostname}.${ns}.svc.`));
  return services.find((each) => isMeant(each.hostname, each.namespace) && each.address !== '')?.address ?? someServer;
}

const arrives = ({ branches }: Hop): boolean =>
  branches.some(({ ending, next }) =>
    next.length > 0
      ? next.some(arrives)
      : ending.kind === 'forwarded' || (ending.kind === 'response' && ending.status < 400),
  );

function lines({ proxy, direction, branches }: Hop, indent: string): readonly string[] {
  return [`${indent}${proxy}, ${direction}`, ...branches.flatMap((branch) => branchLines(branch, `${indent}  `))];
}

function branchLines({ probability, steps, ending, next }: TracedBranch, indent: string): readonly string[] {
  const chance = probability === 1 ? [] : [`${indent}in ${Number((probability * 100).toFixed(2))} of 100 cases`];
  const rows = steps.map((step) => `${indent}${step.decision.padEnd(14)} ${step.outcome}${causes(step)}`);
  return [...chance, ...rows, `${indent}=> ${words(ending)}`, ...next.flatMap((hop) => lines(hop, `${indent}  `))];
}

const causes = ({ causes: all }: Step): string =>
  all.length === 0 ? '' : `\n${' '.repeat(19)}because of ${all.slice(0, 5).map(describeSource).join(', ')}`;

function words(ending: Ending): string {
  switch (ending.kind) {
    case 'response':
      return `answered with ${ending.status}${ending.flags === '' ? '' : ` ${ending.flags}`} (${ending.details})`;
    case 'forwarded':
      return `sent to ${ending.endpoints
        .slice(0, 5)
        .map(({ address, port }) => `${address}:${port}`)
        .join(' or ')}`;
    case 'closed':
      return `the connection is closed (${ending.details})`;
    case 'unknown':
      return `unknown: ${ending.details}`;
  }
}
