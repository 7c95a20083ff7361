// Datagrams through a stock Envoy: a listener of Gateway API leads them to the backends of its oldest UDPRoute, by weight, and
// what is not there drops its share.
import type { Socket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { freePort } from '../../../scripts/ports.ts';
import { gatewayTemplate, loopbackNet, pod, service } from '../../support/mesh/gateway.ts';
import type { LiveMesh } from '../../support/mesh/live-mesh.ts';
import { startLiveMesh } from '../../support/mesh/live-mesh.ts';
import { repeat, tally } from '../../support/mesh/traffic.ts';

const net = loopbackNet();
const [gate, red, blue] = [`${net}.1`, `${net}.10`, `${net}.11`];
const inside = 15353;
const [named, split, lossy] = await Promise.all([freePort(), freePort(), freePort()]);

const listener = (name: string, port: number): string => `{name: ${name}, port: ${port}, protocol: UDP}`;
const udp = (name: string, port: number): string => `{name: ${name}, port: ${port}, protocol: UDP}`;

/** A UDPRoute of the namespace of the gateway. */
const route = (name: string, listenerName: string, backends: string, created = '2026-01-01'): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: {name: ${name}, namespace: edge, creationTimestamp: '${created}T00:00:00Z'}
spec: {parentRefs: [{name: front, sectionName: ${listenerName}}], rules: [{backendRefs: [${backends}]}]}
`;
const to = (name: string, weight = 1): string => `{name: ${name}, port: ${inside}, weight: ${weight}}`;

const files = {
  'mesh.yaml':
    pod('gate', 'edge', gate, gatewayTemplate) +
    pod('red', 'edge', red) +
    pod('blue', 'edge', blue) +
    service('red', udp('echo', inside), 'edge') +
    service('blue', udp('echo', inside), 'edge') +
    service('gate', `${udp('named', named)}, ${udp('split', split)}, ${udp('lossy', lossy)}`, 'edge'),
  'gateway.yaml': `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front, namespace: edge}
spec:
  gatewayClassName: istio
  addresses: [{type: Hostname, value: gate}]
  listeners: [${listener('named', named)}, ${listener('split', split)}, ${listener('lossy', lossy)}]
`,
  'routes.yaml':
    route('first', 'named', to('red')) +
    route('late', 'named', to('blue'), '2026-02-01') +
    route('split', 'split', `${to('red', 3)}, ${to('blue', 1)}, ${to('blue', 0)}`) +
    route('lossy', 'lossy', `${to('red')}, ${to('nobody')}`),
};

/** Answers with its name and what it got. */
async function startEcho(name: string, host: string): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (message, { port, address }) => {
    socket.send(Buffer.concat([Buffer.from(`${name} `), message]), port, address);
  });
  socket.bind(inside, host);
  await once(socket, 'listening');
  return socket;
}

/** From a port of its own; '' when nothing came back in time. */
async function ask(port: number, message: Buffer | string = 'hello', patience = 10_000): Promise<Buffer> {
  const socket = createSocket('udp4');
  try {
    const answered = once(socket, 'message') as Promise<[Buffer]>;
    socket.send(message, port, gate);
    const ended = new AbortController();
    const silence = delay(patience, [Buffer.from('')] as [Buffer], { signal: ended.signal }).catch(() => [Buffer.from('')] as [Buffer]); // prettier-ignore
    const [answer] = await Promise.race([answered, silence]);
    ended.abort();
    return answer;
  } finally {
    socket.close();
  }
}

const who = async (port: number, patience?: number): Promise<string> =>
  (await ask(port, 'hello', patience)).toString().split(' ')[0] ?? '';

let mesh: LiveMesh;
const backends: Socket[] = [];

beforeAll(async () => {
  vi.stubEnv('KEELSON_STRICT_GATEWAYS', 'true');
  backends.push(await startEcho('red', red), await startEcho('blue', blue));
  mesh = await startLiveMesh({ files, proxies: ['gate-1.edge'] });
}, 60_000);

afterAll(async () => {
  await mesh?.stop();
  for (const socket of backends) socket.close();
  vi.unstubAllEnvs();
});

describe('a listener for datagrams', () => {
  it('leads to the backend of the oldest route', async () => {
    const answers = await repeat(20, () => who(named));
    expect(tally(answers)).toEqual({ red: 20 });
  });

  it('takes datagrams of any size', async () => {
    const large = Buffer.alloc(60_000, 'x');
    expect((await ask(named, large)).length).toBe(60_004);
  });

  it('shares clients out by weight', async () => {
    const { red: most = 0, blue: rest = 0 } = tally(await repeat(400, () => who(split)));
    expect(most + rest).toBe(400);
    expect(rest).toBeGreaterThan(50);
    expect(rest).toBeLessThan(160);
  });

  it('drops the share of a backend that is not there', async () => {
    const { red: answered = 0, '': lost = 0 } = tally(await repeat(64, () => who(lossy, 1_500), 64));
    expect(answered + lost).toBe(64);
    expect(Math.min(answered, lost)).toBeGreaterThan(10);
  });

  it('follows a change of its route', async () => {
    await mesh.change('routes.yaml', route('first', 'named', to('blue')));
    expect(tally(await repeat(10, () => who(named)))).toEqual({ blue: 10 });
  });
});
