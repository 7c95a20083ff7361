// `node bench/metrics.ts [REQUESTS]`: what counting costs. Two stock Envoys, one that sends and one that receives, with mutual
// TLS between them, four times at the same time: without metrics, with all but gRPC's messages, with the standard ones, and
// with those and the sender's names from its environment. They take turns, so that whatever else the machine does meets
// all of them alike. Told is the processors' time of the Envoys per request, the median of the rounds.
import { Agent, request } from 'node:http';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';

import { stringify } from 'yaml';

import { selfVariables } from '../src/model/proxy/self-labels.ts';
import type { Lab, Port } from '../test/support/mesh/lab.ts';
import { grpcClient } from '../test/support/servers/grpc.ts';
import { http, startLab } from '../test/support/mesh/lab.ts';
import { repeat } from '../test/support/mesh/traffic.ts';

const total = Number(process.argv[2] ?? 10_000);
const rounds = 10;
const grpc: Port = { number: 18091, name: 'grpc', app: 'grpc' };
/** One round of each is not measured: connections are made and code is loaded. */
const warmUp = 200;

const overrides = ['GRPC_REQUEST_MESSAGES', 'GRPC_RESPONSE_MESSAGES'].map((metric) => ({
  match: { metric },
  disabled: true,
}));
const withoutMessages = {
  apiVersion: 'telemetry.istio.io/v1',
  kind: 'Telemetry',
  metadata: { name: 'without-messages', namespace: 'lab' },
  spec: { metrics: [{ overrides }] },
};
const standard = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'istio', namespace: 'istio-system' },
  data: { mesh: 'defaultProviders: {metrics: [prometheus]}' },
};
/** As an injected Pod has them. */
const names = Object.fromEntries(Object.values(selfVariables).map((variable) => [variable, 'caller']));
const modes: readonly (readonly [name: string, objects: readonly object[], variables?: typeof names])[] = [
  ['none', []],
  ['without messages', [standard, withoutMessages]],
  ['standard', [standard]],
  ['standard, names from the environment', [standard], names],
];

interface Mode {
  readonly name: string;
  readonly lab: Lab;
  readonly load: Readonly<Record<'http' | 'grpc', (times: number) => Promise<void>>>;
  readonly stop: () => Promise<void>;
}

async function start(name: string, objects: readonly object[], variables?: typeof names): Promise<Mode> {
  const lab = await startLab({
    workloads: [{ name: 'store-v1', sidecar: true }],
    ports: [http, grpc],
    files: Object.fromEntries(objects.map((object, i) => [`metrics-${i}.yaml`, stringify(object)])),
    variables: () => variables,
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const client = grpcClient(lab.egress(grpc), 'store.lab');
  const get = async (): Promise<void> => {
    const outgoing = request({ ...lab.egress(http), agent, headers: { host: 'store.lab' } });
    outgoing.end();
    const [incoming] = await once(outgoing, 'response');
    incoming.resume();
    await once(incoming, 'end');
    if (incoming.statusCode !== 200) throw new Error(`${name}: ${incoming.statusCode}`);
  };
  const ask = async (): Promise<void> => {
    const { status } = await client.ask({ questions: 1, answers: 1, status: 0 });
    if (status !== 0) throw new Error(`${name}: status ${status}`);
  };
  const load = {
    http: async (times: number) => void (await repeat(times, get)),
    grpc: async (times: number) => void (await repeat(times, ask)),
  };
  const stop = async (): Promise<void> => {
    agent.destroy();
    client.close();
    await lab.stop();
  };
  return { name, lab, load, stop };
}

/** Nanoseconds that all threads of a process have run. */
async function processorTime(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const times = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8')));
  return times.reduce((sum, text) => sum + Number(text.split(' ')[0]), 0);
}

const sides = { 'sends': 'caller', 'receives': 'store-v1' }; // prettier-ignore
const timesOf = ({ lab }: Mode): Promise<readonly number[]> =>
  Promise.all(Object.values(sides).map((pod) => processorTime(lab.mesh.envoys.get(pod)?.pid ?? 0)));

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

async function measure(all: readonly Mode[], protocol: 'http' | 'grpc'): Promise<Readonly<Record<string, object>>> {
  const perRound = Math.ceil(total / rounds);
  const samples = new Map(all.map((mode) => [mode, Object.values(sides).map((): number[] => [])]));
  for (const mode of all) await mode.load[protocol](warmUp);
  for (let round = 0; round < rounds; round++)
    for (const [mode, taken] of samples) {
      const before = await timesOf(mode);
      await mode.load[protocol](perRound);
      const after = await timesOf(mode);
      after.forEach((time, side) => taken[side]?.push((time - (before[side] ?? 0)) / perRound / 1000));
    }
  const row = (taken: readonly (readonly number[])[]): object =>
    Object.fromEntries(Object.keys(sides).map((side, i) => [`${side}: µs`, Math.round(median(taken[i] ?? []) * 10) / 10])); // prettier-ignore
  return Object.fromEntries([...samples].map(([{ name }, taken]) => [`${protocol}, ${name}`, row(taken)]));
}

const all: Mode[] = [];
try {
  for (const mode of modes) all.push(await start(...mode));
  const rows = { ...(await measure(all, 'http')), ...(await measure(all, 'grpc')) };
  console.log(`\nProcessor time of an Envoy per request, ${total} requests of each kind, by what is counted`);
  console.table(rows);
} finally {
  for (const mode of all) await mode.stop();
}
