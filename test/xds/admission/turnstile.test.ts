// All proxies come at once: some are given their configuration, the others wait, and who has it waits for nobody.
import { afterEach, expect, test } from 'vitest';

import { createXdsServer } from '../../../src/xds/server.ts';
import { DeltaClient } from '../ads-client.ts';
import { configuration, listener, staticCluster, types } from '../mesh.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

async function start(limits: { readonly starting: number; readonly startingPatience?: number }) {
  const mesh = { version: 1 };
  const server = createXdsServer({
    plaintext: true,
    translate: () => configuration({ cluster: [staticCluster('a', mesh.version)], listener: [listener('l')] }),
    log: { info: () => {}, warn: () => {}, error: () => {} },
    limits,
  });
  open.push(server);
  const port = await server.listen('localhost:0');
  const connect = (i: number): DeltaClient => {
    const client = new DeltaClient(port, { node: { id: `sidecar~10.0.0.${i}~p${i}.shop~shop.svc.cluster.local` } });
    open.push(client);
    client.subscribe(types.cluster);
    client.subscribe(types.listener);
    return client;
  };
  const streams = async (count: number): Promise<void> => {
    while (server.counters().streams < count) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  return { server, mesh, connect, streams };
}

async function complete(client: DeltaClient): Promise<void> {
  client.ack(await client.nextOf(types.cluster));
  client.ack(await client.nextOf(types.listener));
}

test('as many at a time as there is room for, in the order in which they came', async () => {
  const { server, connect, streams } = await start({ starting: 2 });
  const clients: DeltaClient[] = [];
  for (let i = 0; i < 5; i++) {
    clients.push(connect(i));
    await streams(i + 1);
  }
  const [first, second, third, fourth, fifth] = clients as [
    DeltaClient,
    DeltaClient,
    DeltaClient,
    DeltaClient,
    DeltaClient,
  ];
  const inFirst = await first.nextOf(types.cluster);
  const inSecond = await second.nextOf(types.cluster);
  expect(server.counters().pushes).toBe(2);
  first.ack(inFirst);
  first.ack(await first.nextOf(types.listener));
  await complete(third);
  await complete(fourth);
  await complete(fifth);
  // The second one is still inside, and has got nothing but what it has not answered.
  expect(server.counters().pushes).toBe(2 * 4 + 1);
  second.ack(inSecond);
  await second.nextOf(types.listener);
});

test('who has its configuration is told of changes while others wait for theirs', async () => {
  const { server, mesh, connect, streams } = await start({ starting: 1 });
  const settled = connect(0);
  await complete(settled);
  const slow = connect(1);
  await slow.nextOf(types.cluster);
  connect(2);
  await streams(3);
  mesh.version = 2;
  await server.update();
  await settled.nextOf(types.cluster);
  expect(server.counters().pushes).toBe(4);
});

test('who never gets done, or goes away, keeps nobody out', async () => {
  const { connect, streams } = await start({ starting: 1, startingPatience: 50 });
  const stuck = connect(0);
  await stuck.nextOf(types.cluster);
  const gone = connect(1);
  await gone.nextOf(types.cluster);
  const last = connect(2);
  await streams(3);
  gone.close();
  await complete(last);
});
