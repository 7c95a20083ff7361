// `make bench`: how much work a change is. For meshes of growing size, with real gRPC clients as proxies, it counts for each
// kind of change the resources that were built anew, encoded and pushed. These counts may not grow with the mesh for a change
// that touches one service: if one does, the run fails. Times and memory are printed for orientation only: the
// clients share the process and the machine.
import { createXdsServer } from '../src/xds/server.ts';
import type { Configuration, NodeInfo } from '../src/model/envoy/resource.ts';
import { invariant } from '../src/model/invariant.ts';
import type { Snapshot } from '../src/model/snapshot.ts';
import type { Translation } from '../src/translate/translate.ts';
import { translate } from '../src/translate/translate.ts';
import { encodeCount } from '../src/xds/codec/cache.ts';
import { connect } from './client.ts';
import { rebuilt } from './count.ts';
import type { Change } from './mesh.ts';
import { changes, meshOf, nodesOf } from './mesh.ts';

const sizes = [100, 1000, 5000];
const proxies = 20;

interface Row {
  readonly change: string;
  readonly services: number;
  readonly rebuilt: number;
  readonly encoded: number;
  readonly pushed: number;
  readonly kilobytes: number;
  /** CPU time of making all configurations anew, in milliseconds. */
  readonly translateMs: number;
  readonly totalMs: number;
}

/** A server over one mesh that can be replaced. */
class Bench {
  #translation: Translation;
  readonly #nodes: readonly NodeInfo[] = nodesOf(proxies);
  readonly server = createXdsServer({
    plaintext: true,
    translate: (node) => this.configuration(node),
    log: { info: () => {}, warn: console.warn, error: console.error },
  });

  constructor(snapshot: Snapshot) {
    this.#translation = translate(snapshot);
  }

  configuration(node: NodeInfo): Configuration {
    const configuration = this.#translation.configuration(node);
    invariant(configuration !== undefined, `${node.id} is a proxy`);
    return configuration;
  }

  configurations(): readonly Configuration[] {
    return this.#nodes.map((node) => this.configuration(node));
  }

  async connectAll(): Promise<() => void> {
    const port = await this.server.listen('127.0.0.1:0');
    const clients = this.#nodes.map((node) => connect(port, node, this.configuration(node)));
    await this.#synced();
    return () => clients.forEach((client) => client.close());
  }

  async measure(
    change: Change,
    snapshot: Snapshot,
    services: number,
  ): Promise<{ readonly row: Row; readonly snapshot: Snapshot }> {
    const before = this.configurations();
    const [encodesBefore, countersBefore] = [encodeCount(), this.server.counters()];
    const next = change.apply(snapshot, services);
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    this.#translation = translate(next);
    const after = this.configurations();
    const { user, system } = process.cpuUsage(cpu);
    await this.server.update();
    await this.#synced();
    const counters = this.server.counters();
    const row: Row = {
      change: change.name,
      services,
      rebuilt: rebuilt(before, after).length,
      encoded: encodeCount() - encodesBefore,
      pushed: counters.resourcesSent - countersBefore.resourcesSent,
      kilobytes: Math.round((counters.bytesSent - countersBefore.bytesSent) / 1000),
      translateMs: Math.round((user + system) / 100) / 10,
      totalMs: Math.round((performance.now() - start) * 10) / 10,
    };
    return { row, snapshot: next };
  }

  /** Until every proxy has accepted all that it is to have. */
  async #synced(): Promise<void> {
    const deadline = performance.now() + 300_000;
    while (
      this.server.status().length < proxies ||
      !this.server.status().every(({ synced, types }) => synced && types.length === 4)
    ) {
      invariant(performance.now() < deadline, 'all proxies are in sync within five minutes');
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

async function measureSize(services: number): Promise<readonly Row[]> {
  let snapshot = meshOf(services);
  const start = performance.now();
  const bench = new Bench(snapshot);
  const disconnect = await bench.connectAll();
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
  console.log(
    `\n${services} services, ${proxies} proxies: all connected after ${Math.round(performance.now() - start)} ms, ` +
      `${bench.server.counters().resourcesSent} resources, ${megabytes(bench.server.counters().bytesSent)} sent; resident ${megabytes(rss)}, heap ${megabytes(heapUsed)}`,
  );
  const rows: Row[] = [];
  for (const change of changes) {
    const measured = await bench.measure(change, snapshot, services);
    snapshot = measured.snapshot;
    rows.push(measured.row);
  }
  console.table(Object.fromEntries(rows.map(({ change, services: _services, ...figures }) => [change, figures])));
  disconnect();
  await bench.server.close();
  return rows;
}

/** Changes whose counts differ between the two largest meshes, both of which have all namespaces and policies. */
function growing(rows: readonly Row[]): readonly string[] {
  const [smaller, larger] = sizes.slice(-2).map((size) => rows.filter(({ services }) => services === size));
  return changes
    .filter(({ wholeNamespace }) => wholeNamespace !== true)
    .flatMap(({ name }) => {
      const [a, b] = [smaller, larger].map((each) => each?.find(({ change }) => change === name));
      const same =
        a !== undefined && b !== undefined && a.rebuilt >= b.rebuilt && a.encoded >= b.encoded && a.pushed >= b.pushed;
      return same ? [] : [name];
    });
}

const rows: Row[] = [];
for (const size of sizes) rows.push(...(await measureSize(size)));
const grown = growing(rows);
if (grown.length > 0) {
  console.error(`\nThe work grows with the mesh for: ${grown.join(', ')}`);
  process.exitCode = 1;
} else console.log('\nThe work for a change that touches one service does not grow with the mesh.');
