// `node bench/storm.ts [SERVICES CLIENTS]`: what settled proxies notice of others' storms. Endpoints change ten times a second
// under 100 settled proxies, over TLS with tokens: alone, while certificates are asked for as fast as they come, and while
// CLIENTS others connect at once. Fails when a change was lost, or a proxy refused.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { PauseMeter } from './control-plane/pauses.ts';
import { keelsonOverTls } from './control-plane/planes.ts';
import type { World } from './control-plane/world.ts';
import { ask, load, meshOf, succeeded, withLoadGenerator, withMesh } from './control-plane/world.ts';

const [services = 100, clients = 2000] = process.argv.slice(2).map(Number);
const settled = 100;
const seconds = 30;

interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

interface Settled {
  readonly churn: Readonly<
    Record<
      string,
      { readonly all: { readonly lag_ms: Quantiles; readonly last_client_ms: Quantiles; readonly lost: number } }
    >
  >;
}

interface Certificates {
  readonly per_second: number;
  readonly failed: number;
  readonly latency_ms: Quantiles;
}

interface Connected {
  readonly connect: {
    readonly complete: number;
    readonly rejected_streams: number;
    readonly dropped_streams: number;
    readonly cold_connect_s: Quantiles;
    readonly bytes_per_client: Quantiles;
    readonly usage: {
      readonly server_cpu_s: number;
      readonly server_rss_peak_mb: number;
      readonly server_rss_end_mb: number;
    };
  };
}

await withLoadGenerator(async (xdsload, directories) => {
  await withMesh({ xdsload, ...directories }, meshOf(services, Math.ceil(clients / services)), measure);
});

async function measure(world: World): Promise<void> {
  const plane = keelsonOverTls('tls');
  const started = await plane.start(world);
  try {
    const reached = [...world.mesh, ...(await started.target()), '--server-pid', String(started.daemon.pid)];
    await ask(world, ['wait', ...reached]);
    const scene = { world, reached, flags: plane.flags, pauses: new PauseMeter(started.monitoring ?? '') };
    const [alone] = await during(scene, 'alone');
    const asking = ['certs', '--count=1000000', `--limit=${seconds}s`];
    const [underCertificates, certificates] = await during<Certificates>(scene, 'certificates', asking);
    const connecting = ['clients', `--clients=${clients}`, ...plane.flags];
    const [underConnects, connected] = await during<Connected>(scene, 'connects', connecting);
    console.log(`\n${services} services; endpoints change ten times a second under ${settled} settled proxies`);
    console.table({ alone, certificates: underCertificates, [`${clients} connect`]: underConnects });
    console.log('\nCertificates, as fast as they come');
    console.table([certificates && certificateRow(certificates)]);
    console.log(`\n${clients} proxies that connect at once`);
    console.table([connected && connectRow(connected)]);
    if ((connected?.connect.complete ?? 0) < clients) process.exitCode = 1;
  } finally {
    await started.daemon.stop();
  }
}

interface Scene {
  readonly world: World;
  /** Flags by which the daemon is reached. */
  readonly reached: readonly string[];
  readonly flags: readonly string[];
  readonly pauses: PauseMeter;
}

/** What settled proxies see while somebody makes a storm, if any, as soon as they are settled; and what that one reports. */
async function during<T>(scene: Scene, name: string, storm?: readonly string[]): Promise<readonly [object, T?]> {
  const { world, reached, flags, pauses } = scene;
  const file = (part: string): string => join(world.reports, `${name}${part}.json`);
  const churn = ['--kinds=', '--idle=0', '--verify=0', '--mix=endpoint=1', '--rate=10', `--duration=${seconds}s`];
  await pauses.lap();
  let others: Promise<void> | undefined;
  const begin = (line: string): void => {
    if (storm === undefined || !line.startsWith('connect: ')) return;
    others = succeeded(load(world, [...storm, ...reached, '--out', file('-storm')], () => {}));
    others.catch(() => {});
  };
  const watchers = ['converge', ...reached, ...churn, `--clients=${settled}`, ...flags, '--out', file('')];
  await succeeded(load(world, watchers, begin));
  const seen = { ...lags((await read<Settled>(file(''))).churn['10']?.all), ...(await pauses.lap()) };
  await others;
  return storm === undefined ? [seen] : [seen, await read<T>(file('-storm'))];
}

async function read<T>(file: string): Promise<T> {
  return JSON.parse(await readFile(file, 'utf8')) as T;
}

function lags(all: Settled['churn'][string]['all'] | undefined): object {
  if (all === undefined || all.lost > 0) process.exitCode = 1;
  return {
    'p50, ms': all?.lag_ms.p50,
    'p99, ms': all?.lag_ms.p99,
    'last, p50, ms': all?.last_client_ms.p50,
    'last, p99, ms': all?.last_client_ms.p99,
    'lost': all?.lost, // prettier-ignore
  };
}

function certificateRow({ per_second, failed, latency_ms }: Certificates): object {
  return {
    'a second': per_second,
    'p50, ms': latency_ms.p50,
    'p99, ms': latency_ms.p99,
    failed,
  };
}

function connectRow({ connect }: Connected): object {
  return {
    'complete': connect.complete, // prettier-ignore
    'refused': connect.rejected_streams, // prettier-ignore
    'dropped': connect.dropped_streams, // prettier-ignore
    'median, s': connect.cold_connect_s.p50,
    'last, s': connect.cold_connect_s.max,
    'kB each': Math.round(connect.bytes_per_client.p50 / 1000),
    'CPU, s': connect.usage.server_cpu_s,
    'resident, most, MB': Math.round(connect.usage.server_rss_peak_mb),
    'resident, then, MB': Math.round(connect.usage.server_rss_end_mb),
  };
}
