// `node bench/control-plane.ts [SERVICES CLIENTS]...`: the daemon over a real API server under a load generator that knows
// nothing of it (bench/xdsload): how long until all proxies have a change, what it costs the daemon, how much is sent.
// In one mesh of 10 namespaces where everybody sees everything: without TLS with whole route configurations and host by
// host, and over TLS with a token for each proxy. Where PILOT_DISCOVERY names istiod's binary, it takes turns with the daemon
// instead, without TLS, as it is and tuned (A B C C B A), and the last columns have the ratios. CHANGES, RATE and DURATION say
// how much is changed, ONLY=NAME[,NAME] which columns there are. Fails when anything was lost.
import type { Measured } from './control-plane/run.ts';
import { measured, time } from './control-plane/run.ts';
import type { Plane } from './control-plane/planes.ts';
import { istiod, keelson, keelsonOverTls } from './control-plane/planes.ts';
import type { World } from './control-plane/world.ts';
import { ask, meshOf, withLoadGenerator, withMesh } from './control-plane/world.ts';

const { PILOT_DISCOVERY: binary, ONLY: only, CHANGES: changes, RATE: rate, DURATION: duration } = process.env;
const given = process.argv.slice(2).map(Number);
const sizes = given.length > 0 ? given : [200, 100, 1000, 200];
const short = given.length > 0;
const pace = [
  `--changes=${changes ?? (short ? 6 : 20)}`,
  `--rate=${rate ?? 10}`,
  `--duration=${duration ?? (short ? '10s' : '30s')}`,
];

const own: readonly Plane[] = [
  keelson('whole', 'whole'),
  keelson('host-by-host', 'host-by-host'),
  keelsonOverTls('tls'),
];
const compared = (istiods: string): readonly Plane[] => [
  istiod('istiod', istiods, 'default'),
  istiod('tuned', istiods, 'tuned'),
  keelson('keelson', 'host-by-host'),
];

/** In the order of the table's columns. */
const columns = (binary === undefined ? own : compared(binary)).filter(
  ({ name }) => only === undefined || only.split(',').includes(name),
);
const turns = binary === undefined ? columns : [...columns, ...columns.toReversed()];

await withLoadGenerator(async (xdsload, directories) => {
  for (let i = 0; i + 1 < sizes.length; i += 2) {
    const [services = 0, clients = 0] = sizes.slice(i, i + 2);
    console.error(`${time()} ${services} services, ${clients} sidecars: the mesh is made`);
    await withMesh({ xdsload, ...directories }, meshOf(services), (world) => compare(world, services, clients));
  }
});

async function compare(world: World, services: number, clients: number): Promise<void> {
  const runs = new Map(columns.map(({ name }): [string, Measured[]] => [name, []]));
  for (const plane of turns) {
    const done = runs.get(plane.name) ?? [];
    const name = `${plane.name}-${services}-${clients}-${done.length + 1}`;
    done.push(await measured(world, plane, name, clients, pace));
  }
  const named = [...runs].map(([name, all]) => `${name}=${all.map(({ report }) => report).join(',')}`);
  const table = await ask(world, ['table', '--brief', ...named]);
  console.log(
    `\n${services} services, ${clients} sidecars, ${pace.join(' ')}; the mean of the runs (least..most)\n\n${table}`,
  );
  for (const [name, all] of runs)
    for (const fault of all.flatMap(({ faults }) => faults)) {
      console.error(`${name}: ${fault}`);
      if (!name.startsWith('istiod') && name !== 'tuned') process.exitCode = 1;
    }
}
