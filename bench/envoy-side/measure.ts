// One Envoy as the sidecar of one Pod: what it is sent and what it takes until it is ready, what it holds, how long the first
// request to a service takes, and how long it is until a request is answered as a changed VirtualService says.
import { setTimeout as delay } from 'node:timers/promises';
import { readFile } from 'node:fs/promises';

import { invariant } from '../../src/model/invariant.ts';
import type { Snapshot } from '../../src/model/snapshot.ts';
import { applyObjects } from '../mesh.ts';
import type { Intercepted } from './intercepted.ts';
import { envoyPid, startIntercepted } from './intercepted.ts';
import { httpService, lazyMesh, withMetrics } from './lazy-mesh.ts';
import type { Variant } from './variants.ts';
import { variables } from './variants.ts';

/** By what it is called in the table. */
export type Figures = Readonly<Record<string, number>>;

/** How many services the application uses in the end, one after the other, and how many changes there are. */
const used = 100;
const changes = 10;
/** A service with a VirtualService. */
const routed = 10;

/** In a mesh of so many services, one in ten of which speaks TCP, with the standard metrics. */
export async function measure(size: number, { mesh, node, without }: Variant): Promise<Figures> {
  const http = Math.ceil(size * 0.9);
  const whole = mesh(withMetrics(lazyMesh(http, size - http)));
  const adjust = (bootstrap: object): object =>
    Object.fromEntries(Object.entries(bootstrap).filter(([field]) => !without.includes(field)));
  // What the server has not done before would be part of the time until the proxy is ready.
  const first = await startIntercepted(whole, node, adjust, variables);
  await first.stop();
  const world = await startIntercepted(whole, node, adjust, variables);
  try {
    const start = await startOf(world);
    const unused = await memoryOf(world);
    const requests = await requestsOf(world, http);
    const changed = await changesOf(world, whole);
    const complaints = world.complaints();
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
    return { ...start, ...unused, [`resident MB, ${used} used`]: (await memoryOf(world))[resident] ?? NaN, ...requests, ...changed }; // prettier-ignore
  } finally {
    await world.stop();
  }
}

const resident = 'resident MB';

async function startOf({ envoy, live, server }: Intercepted): Promise<Figures> {
  const statistics = (await envoy.admin('/stats')).split('\n').filter((line) => line !== '').length;
  return {
    'sent at the start, KB': server.counters().bytesSent / 1000,
    'ready after, ms': live,
    'its CPU until then, ms': await cpuOf(await envoyPid()),
    statistics,
  };
}

/** With nothing used: what is resident, what of that is not shared with other Envoys, and what is allocated. */
async function memoryOf({ envoy }: Intercepted): Promise<Figures> {
  const status = await readFile(`/proc/${await envoyPid()}/status`, 'utf8');
  const megabytes = (field: string): number =>
    (Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024) / 1e6;
  const { allocated } = JSON.parse(await envoy.admin('/memory')) as { readonly allocated: string };
  return {
    [resident]: megabytes('VmRSS'),
    'of that not shared, MB': megabytes('RssAnon'),
    'heap, MB': Number(allocated) / 1e6,
  };
}

async function requestsOf({ get, settled }: Intercepted, size: number): Promise<Figures> {
  const request = async (i: number): Promise<number> => {
    const { address, host } = httpService(i);
    const { status, milliseconds } = await get(address, host);
    if (status !== 200) throw new Error(`${host}: ${status}`);
    return milliseconds;
  };
  const first: number[] = [];
  const second: number[] = [];
  await request(0);
  // Spread over the mesh, so that those with rules of their own are among them as they are in all of it.
  for (let n = 0; n < used; n++) {
    const i = 1 + Math.floor((n * (size - 1)) / used);
    first.push(await request(i));
    second.push(await request(i));
  }
  await settled();
  return {
    'first request, ms': quantile(first, 0.5),
    '95 of 100, ms': quantile(first, 0.95),
    'second request, ms': quantile(second, 0.5),
  };
}

async function changesOf(world: Intercepted, mesh: Snapshot): Promise<Figures> {
  const { address, host } = httpService(routed);
  await world.get(address, host);
  const times: number[] = [];
  const before = { sent: world.server.counters().bytesSent, cpu: await cpuOf(await envoyPid()) };
  let requests = 0;
  for (let n = 0; n < changes; n++) {
    const status = 210 + n;
    const began = performance.now();
    const told = world.change(applyObjects(mesh, [answering(status)]));
    do requests++;
    while ((await world.get(address, host)).status !== status);
    times.push(performance.now() - began);
    await told;
    await delay(50);
  }
  invariant(requests > 0, 'there were changes');
  return {
    'changed VirtualService answers after, ms': quantile(times, 0.5),
    'sent for it, KB': (world.server.counters().bytesSent - before.sent) / changes / 1000,
  };
}

/** https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPDirectResponse */
function answering(status: number) {
  const [name = '', namespace = ''] = httpService(routed).host.split('.');
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name, namespace },
    spec: { hosts: [name], http: [{ directResponse: { status } }] },
  };
}

/** Milliseconds that all threads have run. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
async function cpuOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? NaN;
}
