// A stock Envoy whose virtual hosts are pushed one by one: it answers rightly during thousands of changes, comes back with
// what it knows, shares a route configuration between listeners, and can be moved to and from whole route configurations.
import { afterEach, describe, expect, test } from 'vitest';
import { request } from 'node:http';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';

import type { Configuration, Resource } from '../../../src/model/envoy/resource.ts';
import type { XdsServer } from '../../../src/xds/server.ts';
import type { Envoy } from '../../support/mesh/envoy.ts';
import { freePort } from '../../../scripts/ports.ts';
import { createXdsServer } from '../../../src/xds/server.ts';
import { startEnvoy } from '../../support/mesh/envoy.ts';
import { configuration, types } from '../../xds/mesh.ts';
import { adsBootstrap } from './ads-bootstrap.ts';
import { adsSource, listener } from './messages.ts';

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

/** What each virtual host answers, by its name;. */
interface Host {
  readonly domains: readonly string[];
  readonly answer: string;
}
type Hosts = Readonly<Record<string, Host>>;

const made = new Map<string, Resource>();
/** The same object for the same content, as translation makes them. */
function virtualHost(route: string, name: string, { domains, answer }: Host): Resource {
  const key = JSON.stringify([route, name, domains, answer]);
  const body = { status: 200, body: { inline_string: answer } };
  const message = { name, domains, routes: [{ match: { prefix: '/' }, direct_response: body }] };
  const resource = made.get(key) ?? { type: types.virtualHost, name: `${route}/${name}`, message };
  made.set(key, resource);
  return resource;
}

const routeConfiguration = (name: string, hosts: Hosts): Resource => ({
  type: types.route,
  name,
  message: { name, validate_clusters: false, ignore_port_in_host_matching: true },
  parts: {
    field: 'virtual_hosts',
    resources: Object.entries(hosts).map(([each, host]) => virtualHost(name, each, host)),
  },
});

const front = (name: string, port: number, routeName: string): Resource =>
  listener(name, port, { stat_prefix: name, rds: { config_source: adsSource, route_config_name: routeName } });

interface World {
  readonly envoy: Envoy;
  readonly server: () => XdsServer;
  readonly change: (to: Configuration) => Promise<void>;
  /** The same, without waiting for what the change entails. */
  readonly accept: (to: Configuration) => Promise<void>;
  readonly restart: (hostByHost?: boolean, between?: Configuration) => Promise<void>;
  readonly complaints: readonly string[];
}

async function start(initial: Configuration): Promise<World> {
  const complaints: string[] = [];
  const complain = (message: string, fields?: object): number =>
    complaints.push(`${message} ${JSON.stringify(fields ?? {})}`);
  let current = initial;
  const port = await freePort();
  const serve = async (hostByHost: boolean): Promise<XdsServer> => {
    const server = createXdsServer({
      plaintext: true,
      translate: () => current,
      takesHosts: () => hostByHost,
      log: { info: () => {}, warn: complain, error: complain },
    });
    await server.listen(`127.0.0.1:${port}`);
    return server;
  };
  let server = await serve(true);
  open.push(() => server.close());
  const envoy = await startEnvoy({ bootstrap: adsBootstrap({ port, dialect: 'DELTA_GRPC' }) });
  open.push(() => envoy.stop());
  const settled = async (): Promise<void> => {
    let quiet = 0;
    await envoy.eventually('everything is acknowledged', () => {
      quiet = server.status()[0]?.synced === true ? quiet + 1 : 0;
      return quiet >= 3;
    });
  };
  await settled();
  return {
    envoy,
    server: () => server,
    accept: async (to) => {
      current = to;
      await server.update();
      while (server.status()[0]?.synced !== true) await setImmediate();
    },
    change: async (to) => {
      current = to;
      await server.update();
      await settled();
    },
    restart: async (hostByHost = true, between = current) => {
      await server.close();
      current = between;
      server = await serve(hostByHost);
      await settled();
    },
    complaints,
  };
}

async function ask(port: number, host: string): Promise<string> {
  const outgoing = request({ host: '127.0.0.1', port, headers: { host }, agent: false });
  outgoing.end();
  const [incoming] = await once(outgoing, 'response');
  const body = await text(incoming);
  return incoming.statusCode === 200 ? body : String(incoming.statusCode);
}

const answering = (answer: string, ...domains: readonly string[]): Host => ({ answer, domains });
const everything = answering('everything', '*');

describe('a mesh of 300 hosts', () => {
  const hosts = (version: number, changed = -1): Hosts => ({
    ...Object.fromEntries(
      Array.from({ length: 300 }, (_, i) => [
        `svc-${i}`,
        answering(`svc-${i} v${i === changed ? version : 0}`, `svc-${i}`, `svc-${i}.ns`),
      ]),
    ),
    wild: answering('wild', '*.wild'),
    everything,
  });
  const one = (port: number, of: Hosts): Configuration =>
    configuration({ listener: [front('front', port, '80')], route: [routeConfiguration('80', of)] });

  test('is all there at once, wildcards behind whole names', async () => {
    const port = await freePort();
    const { envoy, complaints } = await start(one(port, hosts(0)));
    const asked = ['svc-0', 'svc-299.ns', 'a.wild', 'nobody'];
    expect(await Promise.all(asked.map((host) => ask(port, host)))).toEqual([
      'svc-0 v0',
      'svc-299 v0',
      'wild',
      'everything',
    ]);
    const dump = await envoy.admin('/config_dump?resource=dynamic_route_configs');
    expect(dump.match(/"name": "80\//g)).toHaveLength(302);
    expect([...complaints, ...envoy.nacks()]).toEqual([]);
  });

  test('answers every request through thousands of changes', async () => {
    const port = await freePort();
    const world = await start(one(port, hosts(0)));
    const { server, envoy, accept, complaints } = world;
    const seen = new Set<string>();
    const over = new AbortController();
    let asked = 0;
    const traffic = Array.from({ length: 4 }, async (_, client) => {
      while (!over.signal.aborted) {
        const answer = await ask(port, ['svc-7', 'svc-8', 'a.wild', 'nobody'][client] ?? '');
        seen.add(answer.replace(/ v\d+$/, ''));
        asked++;
        await setImmediate();
      }
    });
    const sentBefore = server().counters().resourcesSent;
    const changes = 1000;
    for (let i = 1; i <= changes; i++) await accept(one(port, hosts(i, 7)));
    over.abort();
    await Promise.all(traffic);
    expect(asked).toBeGreaterThan(100);
    expect(seen).toEqual(new Set(['svc-7', 'svc-8', 'wild', 'everything']));
    expect(await ask(port, 'svc-7')).toBe(`svc-7 v${changes}`);
    expect(server().counters().resourcesSent - sentBefore).toBe(changes);
    expect([...complaints, ...envoy.nacks()]).toEqual([]);
  }, 120_000);

  test('a control plane that comes back sends what differs, and what is gone', async () => {
    const port = await freePort();
    const { server, restart, envoy, complaints } = await start(one(port, hosts(0)));
    await restart();
    expect(server().counters().resourcesSent).toBe(0);
    const { 'svc-9': _gone, ...others } = hosts(1, 7);
    await restart(true, one(port, { ...others, late: answering('late', 'late') }));
    expect(server().counters().resourcesSent).toBe(2);
    expect(await Promise.all(['svc-7', 'svc-9', 'late', 'svc-1'].map((host) => ask(port, host)))).toEqual([
      'svc-7 v1',
      'everything',
      'late',
      'svc-1 v0',
    ]);
    expect([...complaints, ...envoy.nacks()]).toEqual([]);
  });

  test('it can be given whole and host by host in turns', async () => {
    const port = await freePort();
    const { restart, envoy, complaints } = await start(one(port, hosts(0)));
    const asked = async () => Promise.all(['svc-7', 'svc-9', 'a.wild', 'nobody'].map((host) => ask(port, host)));
    await restart(false);
    expect(await asked()).toEqual(['svc-7 v0', 'svc-9 v0', 'wild', 'everything']);
    await restart(true, one(port, hosts(1, 7)));
    expect(await asked()).toEqual(['svc-7 v1', 'svc-9 v0', 'wild', 'everything']);
    await restart(false, one(port, hosts(2, 9)));
    expect(await asked()).toEqual(['svc-7 v0', 'svc-9 v2', 'wild', 'everything']);
    expect([...complaints, ...envoy.nacks()]).toEqual([]);
  });
});

test('domains move between virtual hosts in one step', async () => {
  const port = await freePort();
  const of = (hosts: Hosts): Configuration =>
    configuration({ listener: [front('front', port, '80')], route: [routeConfiguration('80', hosts)] });
  const { change, envoy, complaints } = await start(
    of({ a: answering('a', 'x', 'a'), b: answering('b', 'y', 'b'), everything }),
  );
  await change(of({ a: answering('a', 'y', 'a'), b: answering('b', 'x', 'b'), everything }));
  expect([await ask(port, 'x'), await ask(port, 'y')]).toEqual(['b', 'a']);
  await change(of({ b: answering('b', 'x', 'a', 'y'), everything }));
  expect([await ask(port, 'x'), await ask(port, 'a'), await ask(port, 'b')]).toEqual(['b', 'b', 'everything']);
  expect([...complaints, ...envoy.nacks()]).toEqual([]);
});

test('listeners share a route configuration, come and go, and new ones find their hosts', async () => {
  const [first, second, third] = [await freePort(), await freePort(), await freePort()];
  const route = (name: string, answer: string) => routeConfiguration(name, { a: answering(answer, 'a'), everything });
  const of = (answer: string, ...fronts: readonly Resource[]): Configuration =>
    configuration({ listener: fronts, route: [route('80', answer), route('8080', `${answer} of 8080`)] });
  const [one, two, other] = [front('one', first, '80'), front('two', second, '80'), front('three', third, '8080')];
  const { change, envoy, complaints } = await start(of('v1', one, two));
  expect([await ask(first, 'a'), await ask(second, 'a')]).toEqual(['v1', 'v1']);
  await change(of('v2', one, two, other));
  await envoy.eventually('the new listener is there', async () => (await ask(third, 'a').catch(() => '')) !== '');
  expect(await Promise.all([first, second, third].map((port) => ask(port, 'a')))).toEqual(['v2', 'v2', 'v2 of 8080']);
  await change(of('v3', two));
  expect(await ask(second, 'a')).toBe('v3');
  await change(of('v4', two, other));
  await envoy.eventually('the listener is back', async () => (await ask(third, 'a').catch(() => '')) !== '');
  expect(await Promise.all([second, third].map((port) => ask(port, 'a')))).toEqual(['v4', 'v4 of 8080']);
  await change(of('v5', two, other));
  expect(await Promise.all([second, third].map((port) => ask(port, 'a')))).toEqual(['v5', 'v5 of 8080']);
  expect([...complaints, ...envoy.nacks()]).toEqual([]);
});

test('a virtual host that Envoy refuses keeps its last good version, and its neighbours change', async () => {
  const port = await freePort();
  const of = (hosts: Hosts): Configuration =>
    configuration({ listener: [front('front', port, '80')], route: [routeConfiguration('80', hosts)] });
  const { change, server } = await start(of({ a: answering('a', 'a'), b: answering('b', 'b'), everything }));
  await change(of({ a: answering('a2', 'a', '*'), b: answering('b2', 'b'), everything }));
  expect([await ask(port, 'a'), await ask(port, 'b'), await ask(port, 'c')]).toEqual(['a', 'b2', 'everything']);
  expect(
    server()
      .rejections()
      .map(({ name }) => name),
  ).toEqual(['80/a']);
});
