// `node bench/lazy.ts [SERVICES]`: what lazy configuration saves and what it costs. One stock Envoy as the sidecar of one Pod
// in a mesh of 1,000 services, once with the full configuration and once with the lazy one: its memory, what it was
// sent, and how long the first request to a service takes and the ones after it. Needs the right to make network namespaces.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { envoyBinary } from '../scripts/envoy.ts';
import { inOwnNetwork, memoryOf, startIntercepted } from './intercepted.ts';
import { httpService, lazyMesh, sidecarNode, withLazy } from './lazy-mesh.ts';

/** How many services the application uses in the end, one after the other. */
const used = 100;

interface Row {
  readonly 'ready after ms': number;
  readonly 'sent KB': number;
  readonly 'resident MB, nothing used': number;
  readonly 'of that not shared': number;
  readonly 'resident MB, 5 used': number;
  readonly 'resident MB, 100 used': number;
  readonly 'first request ms': string;
  readonly 'second request ms': string;
}

const [mode = '', services = '1000'] = process.argv.slice(2);
if (mode === 'full' || mode === 'lazy') {
  process.stdout.write(JSON.stringify(await measure(Number(services), mode === 'lazy')));
} else {
  const size = mode === '' ? services : mode;
  const env = { ...process.env, ENVOY: await envoyBinary() };
  const rows = (['full', 'lazy'] as const).map((each) => [each, JSON.parse(inside(each, size, env)) as Row] as const);
  console.log(`One sidecar in a mesh of ${size} services; requests: median and 95th percentile of ${used} services`);
  const [full, lazy] = rows.map(([, row]) => row);
  console.table(
    Object.fromEntries(
      Object.keys(full ?? {}).map((key) => [key, { full: full?.[key as keyof Row], lazy: lazy?.[key as keyof Row] }]),
    ),
  );
}

function inside(kind: 'full' | 'lazy', size: string, env: NodeJS.ProcessEnv): string {
  if (inOwnNetwork === undefined) throw new Error('this system lets us make no network namespace with iptables');
  const [command = '', ...before] = inOwnNetwork;
  const args = [...before, process.execPath, fileURLToPath(import.meta.url), kind, size];
  return execFileSync(command, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

async function measure(size: number, lazy: boolean): Promise<Row> {
  const mesh = withLazy(lazyMesh(size, 0), lazy);
  const began = performance.now();
  const world = await startIntercepted(mesh, sidecarNode());
  try {
    const ready = performance.now() - began;
    const sent = world.server.counters().bytesSent;
    const first: number[] = [];
    const second: number[] = [];
    const request = async (i: number): Promise<number> => {
      const { address, host } = httpService(i);
      const { status, milliseconds } = await world.get(address, host);
      if (status !== 200) throw new Error(`${host}: ${status}`);
      return milliseconds;
    };
    const megabytes = async () => {
      const { resident, anonymous } = await memoryOf(world.envoy);
      return [resident, anonymous].map((bytes) => Math.round(bytes / 1e5) / 10) as [number, number];
    };
    const atFirst = await megabytes();
    await request(0);
    // Spread over the mesh, so that those with rules of their own are among them as they are in all of it.
    const chosen = Array.from({ length: used }, (_, i) => 1 + Math.floor((i * (size - 1)) / used));
    let afterFive = 0;
    for (const [count, i] of chosen.entries()) {
      first.push(await request(i));
      second.push(await request(i));
      if (count === 4) [afterFive] = await megabytes();
    }
    await world.settled();
    const complaints = world.complaints();
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
    return {
      'ready after ms': Math.round(ready),
      'sent KB': Math.round(sent / 1000),
      'resident MB, nothing used': atFirst[0],
      'of that not shared': atFirst[1],
      'resident MB, 5 used': afterFive,
      'resident MB, 100 used': (await megabytes())[0],
      'first request ms': quantiles(first),
      'second request ms': quantiles(second),
    };
  } finally {
    await world.stop();
  }
}

function quantiles(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1);
  return `${at(0.5)} / ${at(0.95)}`;
}
