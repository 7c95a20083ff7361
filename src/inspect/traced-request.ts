// One request as people write it, traced over a mesh: at the proxy of who sends it, and at that of who receives it.
import type { Problem } from '../model/problem.ts';
import type { Hop, TracedProxy } from '../trace/journey.ts';
import { traceJourney } from '../trace/journey.ts';
import type { Connection } from '../trace/request.ts';
import type { MeshReader } from './mesh-reader.ts';
import { WrongQuestion } from './mesh-reader.ts';
import { withEndedCertificates } from './ended-certificates.ts';
import { withRefusedHandshakes } from './refused-handshakes.ts';
import { traceProblems } from './trace-problems.ts';

/** What is asked of a mesh for it. */
export type TracedMesh = Omit<MeshReader, 'objectProblems' | 'patchPlaces' | 'liveSince'>;

/** For documentation: no such address exists. */
const someClient = '198.51.100.1';
const someServer = '192.0.2.1';

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

export interface TracedRequest extends Hop {
  /** What is known to be wrong with anything that it met. */
  readonly problems: readonly Problem[];
}

/** What becomes of it. Throws a WrongQuestion for what is no request, and for a proxy that is not there. */
export async function tracedRequest(mesh: TracedMesh, written: WrittenRequest): Promise<TracedRequest> {
  const { proxy, isGateway } = await readProxy(mesh, written.from);
  const wanted = requestOf(written.url, written.method.toUpperCase(), written.headers, written.claims);
  const address = written.address ?? (isGateway ? proxy.address : addressOf(mesh, wanted.hostname, proxy.name));
  const connection: Connection = {
    ...wanted.connection,
    source: { address: isGateway ? (written.source ?? someClient) : proxy.address, principal: undefined },
    destination: { address, port: wanted.port },
  };
  const seen = [...mesh.problems, ...(await mesh.conflicts(proxy.name))];
  const hop = withEndedCertificates(withRefusedHandshakes(await journey(mesh, proxy, connection), seen), mesh.problems);
  // Gateways know the hosts of their servers, and no others.
  const host = isGateway ? undefined : `${wanted.hostname}:${wanted.port}`;
  return { ...hop, problems: await traceProblems(mesh, hop, host) };
}

async function readProxy(mesh: TracedMesh, name: string): Promise<{ proxy: TracedProxy; isGateway: boolean }> {
  const { node, resources } = await mesh.read(name);
  const [type, address = ''] = node.id.split('~');
  const namespace = name.slice(name.lastIndexOf('.') + 1);
  const { SERVICE_ACCOUNT: claimed } = node.metadata;
  const account = typeof claimed === 'string' ? claimed : 'default';
  const principal = `spiffe://${mesh.trustDomain}/ns/${namespace}/sa/${account}`;
  return { proxy: { name, address, principal, configuration: resources }, isGateway: type === 'router' };
}

/** Receivers are read when the first look has shown who they are. */
async function journey(mesh: TracedMesh, from: TracedProxy, connection: Connection): Promise<Hop> {
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
  if (!URL.canParse(withScheme)) throw new WrongQuestion(`'${text}' is no URL`);
  const { protocol, hostname, port } = new URL(withScheme);
  const number = Number(port) || ports[protocol];
  if (number === undefined) throw new WrongQuestion(`'${text}' has no port, and ${protocol}// has no usual one`);
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
      if (colon < 1) throw new WrongQuestion(`--header '${header}': write 'name: value'`);
      return [header.slice(0, colon).trim().toLowerCase(), header.slice(colon + 1).trim()];
    }),
  );

const claimsOf = (claims: readonly string[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(claims.map((claim) => [claim.split('=')[0] ?? '', claim.slice(claim.indexOf('=') + 1)]));

/** As DNS would: the name as it stands, then within the caller's namespace. */
function addressOf({ services }: TracedMesh, hostname: string, proxy: string): string {
  if (/^[\d.]+$|:/.test(hostname)) return hostname.replace(/^\[|\]$/g, '');
  const namespace = proxy.slice(proxy.lastIndexOf('.') + 1);
  const isMeant = (each: string, ns: string): boolean =>
    each === hostname ||
    each.startsWith(`${hostname}.svc.`) ||
    (ns === namespace && each.startsWith(`${hostname}.${ns}.svc.`));
  return services.find((each) => isMeant(each.hostname, each.namespace) && each.address !== '')?.address ?? someServer;
}

/** Whether it may. */
export const arrives = ({ branches }: Hop): boolean =>
  branches.some(({ ending, next }) =>
    next.length > 0
      ? next.some(arrives)
      : ending.kind === 'forwarded' || (ending.kind === 'response' && ending.status < 400),
  );
