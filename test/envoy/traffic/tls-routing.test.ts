// Connections that the application encrypts by itself are routed by the server name that they ask for, and stay as they are.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#TLSRoute
import type { KeyPair } from '../../../src/ca/authority.ts';
import type { Lab, Port } from '../../support/mesh/lab.ts';

import { once } from 'node:events';
import { connect, createServer } from 'node:tls';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createRoot, openAuthority } from '../../../src/ca/authority.ts';
import { serverTemplate } from '../../../src/ca/certificate/template.ts';
import { listening } from '../../support/servers/backend.ts';
import { startLab } from '../../support/mesh/lab.ts';
import { virtualService } from '../../support/objects/rules.ts';
import { repeat, tally } from '../../support/mesh/traffic.ts';

const tls: Port = { number: 18443, name: 'tls', app: 'tcp' };
const hour = 3_600_000;
const servers = ['one', 'two'];
let lab: Lab;
let roots: string;
const closing: (() => Promise<unknown>)[] = [];

/** Answers a connection with its own name and the server name that it was asked for. */
async function startServer(name: string, host: string, { certificate, privateKey }: KeyPair): Promise<void> {
  const server = createServer({ cert: certificate, key: privateKey }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(`${name}:${String(socket.servername)}`);
  });
  closing.push(await listening(server, { host, port: tls.number }));
}

beforeAll(async () => {
  lab = await startLab({ workloads: ['store-v1'], ports: [tls], sidecar: { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } } }); // prettier-ignore
  closing.push(() => lab.stop());
  const authority = await openAuthority(await createRoot('shop.example', Date.now(), hour));
  roots = authority.roots;
  const names = ['a.shop.example', 'b.shop.example', 'other.example', 'deep.a.shop.example'];
  const entries: string[] = [];
  for (const [index, name] of servers.entries()) {
    const host = lab.egress().host.replace(/\d+$/, String(200 + index));
    await startServer(name, host, await authority.issue(serverTemplate(names, [], Date.now(), hour)));
    entries.push(entry(name, host));
  }
  await lab.mesh.change('servers.yaml', entries.join('---'));
});
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
});

/** In another namespace: only rules lead there. */
const entry = (name: string, address: string): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: vault }
spec:
  hosts: [${name}.example]
  ports: [{ number: ${tls.number}, name: tls, protocol: TLS }]
  resolution: STATIC
  endpoints: [{ address: ${address} }]
`;

/** What the server said that a connection for this name got to; 'refused' when there was none. */
async function reached(servername: string): Promise<string> {
  const socket = connect({ ...lab.egress(tls), servername, ca: roots });
  let received = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => void (received += chunk));
  await once(socket, 'close').catch(() => {});
  return received === '' ? 'refused' : received;
}
const to = (name: string, weight = 0) =>
  `{ destination: { host: ${name}.example }${weight > 0 ? `, weight: ${weight}` : ''} }`;
const rules = (...routes: readonly string[]) =>
  lab.mesh.change('rules.yaml', virtualService('names', `tls: [${routes.join(', ')}]`, '["*.shop.example", store]')); // prettier-ignore
const route = (name: string, ...destinations: readonly string[]) =>
  `{ match: [{ sniHosts: ["${name}"] }], route: [${destinations.join(', ')}] }`;

describe('a connection goes', () => {
  test('where the server name says, still encrypted for the server itself', async () => {
    await rules(route('a.shop.example', to('one')), route('b.shop.example', to('two')));
    expect(await reached('a.shop.example')).toBe('one:a.shop.example');
    expect(await reached('b.shop.example')).toBe('two:b.shop.example');
  });

  test('nowhere when no rule names its server and unknown hosts are not allowed', async () => {
    expect(await reached('other.example')).toBe('refused');
  });

  test('by a wildcard, unless a name is more specific', async () => {
    await rules(route('*.shop.example', to('one')), route('b.shop.example', to('two')));
    expect(await reached('a.shop.example')).toBe('one:a.shop.example');
    expect(await reached('deep.a.shop.example')).toBe('one:deep.a.shop.example');
    expect(await reached('b.shop.example')).toBe('two:b.shop.example');
  });

  test('by weights', async () => {
    await rules(route('a.shop.example', to('one', 25), to('two', 75)));
    const seen = tally(await repeat(120, () => reached('a.shop.example')));
    const { 'one:a.shop.example': one = 0, 'two:a.shop.example': two = 0 } = seen;
    expect(one + two).toBe(120);
    expect(one).toBeGreaterThan(8);
    expect(one).toBeLessThan(60);
  });
});

test('nothing was refused', () => {
  expect(lab.mesh.daemon.rejections()).toEqual([]);
  expect(lab.mesh.complaints).toEqual([]);
});
