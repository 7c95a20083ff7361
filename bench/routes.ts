// `node bench/routes.ts [HOSTS]...`: what a changed virtual host costs a stock Envoy and the server, when the route
// configuration is delivered whole and when it is delivered host by host: CPU of both, and bytes, for each change.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { freePort } from '../scripts/ports.ts';
import type { Configuration, Resource } from '../src/model/envoy/resource.ts';
import { resourceTypes } from '../src/model/envoy/resource.ts';
import { createXdsServer } from '../src/xds/server.ts';
import { adsBootstrap } from '../test/envoy/xds/ads-bootstrap.ts';
import { adsSource, listener } from '../test/envoy/xds/messages.ts';
import { startEnvoy } from '../test/support/mesh/envoy.ts';
import { configuration } from '../test/xds/mesh.ts';
import { envoyPid } from './envoy-side/intercepted.ts';

const changes = 50;
const given = process.argv.slice(2).map(Number);

async function main(): Promise<void> {
  for (const hosts of given.length > 0 ? given : [300, 1000, 5000]) {
    const rows = { whole: await measure(hosts, false), 'host by host': await measure(hosts, true) };
    console.log(`${hosts} hosts, for each of ${changes} changes of one`);
    console.table(rows);
  }
}

async function measure(hosts: number, hostByHost: boolean) {
  const front = listener('front', await freePort(), {
    stat_prefix: 'front',
    rds: { config_source: adsSource, route_config_name: '80' },
  });
  const all = Array.from({ length: hosts }, (_, i) => virtualHost(i, 0));
  const of = (version: number): Configuration =>
    configuration({ listener: [front], route: [routes(all.with(7, virtualHost(7, version)))] });
  let current = of(0);
  const log = { info: () => {}, warn: console.warn, error: console.error };
  const server = createXdsServer({ plaintext: true, translate: () => current, takesHosts: () => hostByHost, log });
  const port = await server.listen('127.0.0.1:0');
  const envoy = await startEnvoy({ bootstrap: adsBootstrap({ port, dialect: 'DELTA_GRPC' }) });
  const settled = async (): Promise<void> => {
    while (server.status()[0]?.synced !== true) await delay(5);
  };
  try {
    await settled();
    const pid = await envoyPid();
    const [ours, its, bytes] = [process.cpuUsage(), cpuMs(pid), server.counters().bytesSent];
    for (let i = 1; i <= changes; i++) {
      current = of(i);
      await server.update();
      await settled();
    }
    const { user, system } = process.cpuUsage(ours);
    const each = (sum: number): number => Math.round((sum / changes) * 100) / 100;
    return {
      'Envoy, CPU ms': each(cpuMs(pid) - its),
      'server, CPU ms': each((user + system) / 1000),
      bytes: Math.round((server.counters().bytesSent - bytes) / changes),
    };
  } finally {
    await envoy.stop();
    await server.close();
  }
}

/** User and system time so far. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const virtualHost = (i: number, version: number): Resource => {
  const name = `svc-${i}.mesh-${i % 10}.svc.cluster.local`;
  const short = `svc-${i}.mesh-${i % 10}`;
  const route = { cluster: `outbound|80||${name}`, timeout: '0s', retry_policy: { retry_on: 'connect-failure' } };
  const match = { prefix: `/v${version}` };
  const message = {
    name: `${name}:80`,
    domains: [name, `${short}.svc`, short, `10.96.${Math.floor(i / 250)}.${i % 250}`],
    include_request_attempt_count: true,
    routes: [{ match, route }],
  };
  return { type: resourceTypes.virtualHost, name: `80/${name}:80`, message };
};

const routes = (resources: readonly Resource[]): Resource => ({
  type: resourceTypes.route,
  name: '80',
  message: { name: '80', validate_clusters: false },
  parts: { field: 'virtual_hosts', resources },
});

await main();
