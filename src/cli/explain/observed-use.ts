// Which services a proxy has sent to since it started, from its Envoy's own counters. Those of endpoints are always
// there; those of clusters are not among the statistics that a bootstrap keeps.
// https://www.envoyproxy.io/docs/envoy/latest/operations/admin#get--clusters
import { limitedText } from '../../watchers/fetch/limited-text.ts';

/** envoy.admin.v3.Clusters as far as it is read: 64-bit numbers are strings, and those that are 0 are left out. */
interface Clusters {
  readonly cluster_statuses?: readonly ClusterStatus[];
}

interface ClusterStatus {
  readonly name: string;
  /** The name it counts under. */
  readonly observability_name?: string;
  readonly host_statuses?: readonly {
    readonly stats?: readonly { readonly name: string; readonly value?: string }[];
  }[];
}

export interface Use {
  readonly requests: number;
  readonly connections: number;
}

/** An Envoy that cannot be asked, or that is not the one meant: the message is for the user. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
}

const limits = { bytes: 256 * 1024 * 1024, milliseconds: 20_000 };

/**
 * Use by host. `fetched` says of a cluster that the proxy has it only because it used it, whatever its counters say:
 * those of endpoints that are gone are gone, too. Fails with an AdminError.
 */
export async function observedUse(
  admin: string,
  proxy: string,
  fetched: (cluster: string) => boolean,
): Promise<ReadonlyMap<string, Use>> {
  const { node } = (await ask(admin, '/server_info')) as { readonly node?: { readonly id?: string } };
  const actual = node?.id?.split('~')[2];
  if (actual !== undefined && actual !== proxy)
    throw new AdminError(`the Envoy at ${admin} is that of ${actual}, not of ${proxy}`);
  const answer = await ask(admin, '/clusters?format=json');
  if (!isClusters(answer)) throw new AdminError(`what ${admin} says of its clusters is not what an Envoy says`);
  const { cluster_statuses: clusters = [] } = answer;
  const used = new Map<string, Use>();
  for (const { name, observability_name: counted, host_statuses: endpoints = [] } of clusters) {
    const host = hostOf(name) ?? hostOf((counted ?? '').replace(/;$/, ''));
    if (host === undefined) continue;
    const sum = (counter: string): number =>
      endpoints
        .flatMap(({ stats = [] }) => stats)
        .reduce((total, stat) => (stat.name === counter ? total + Number(stat.value ?? 0) : total), 0);
    const use = { requests: sum('rq_total'), connections: sum('cx_total') };
    if (use.requests + use.connections > 0 || fetched(name)) used.set(host, added(used.get(host), use));
  }
  return used;
}

function isClusters(answer: unknown): answer is Clusters {
  const list = (value: unknown, each: (one: Readonly<Record<string, unknown>>) => boolean): boolean =>
    value === undefined ||
    (Array.isArray(value) &&
      value.every((one: unknown) => typeof one === 'object' && one !== null && each({ ...one })));
  return list(
    (answer as Record<string, unknown>)['cluster_statuses'],
    (cluster) =>
      typeof cluster['name'] === 'string' &&
      ['string', 'undefined'].includes(typeof cluster['observability_name']) &&
      list(cluster['host_statuses'], (endpoint) => list(endpoint['stats'], ({ name }) => typeof name === 'string')),
  );
}

const added = (a: Use | undefined, b: Use): Use => ({
  requests: (a?.requests ?? 0) + b.requests,
  connections: (a?.connections ?? 0) + b.connections,
});

/** Of `outbound|80|v1|store.shop.svc.cluster.local`. */
function hostOf(cluster: string): string | undefined {
  const [direction, , , host] = cluster.split('|');
  return direction === 'outbound' ? host : undefined;
}

async function ask(admin: string, path: string): Promise<unknown> {
  try {
    const response = await fetch(`${admin.replace(/\/+$/, '')}${path}`, {
      redirect: 'error',
      signal: AbortSignal.timeout(limits.milliseconds),
    });
    if (!response.ok) throw new Error(`it answered ${response.status} to ${path}`);
    const answer: unknown = JSON.parse(await limitedText(response, limits.bytes, 'its answer'));
    if (typeof answer !== 'object' || answer === null) throw new Error(`its answer to ${path} is no object`);
    return answer;
  } catch (error) {
    throw new AdminError(`cannot read Envoy's admin interface at ${admin}: ${reasonOf(error)}`);
  }
}

/** What fetch says is only that it failed; the cause says why. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.cause.name : error.message;
}
