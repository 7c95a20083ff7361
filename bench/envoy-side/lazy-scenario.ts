// What a sidecar with lazy configuration does in a mesh of 100 HTTP and 20 TCP services, as facts that a test can judge:
// prints them as one line of JSON. Runs inside a network of its own (see intercepted.ts).
import { invariant } from '../../src/model/invariant.ts';
import type { Intercepted } from './intercepted.ts';
import { startIntercepted } from './intercepted.ts';
import {
  addService,
  httpService,
  lazyMesh,
  registryOnly,
  removeService,
  sidecarNode,
  tcpService,
  withLazy,
} from './lazy-mesh.ts';

const outside = '10.200.0.1';
const newcomer = { name: 'newcomer', host: 'newcomer.mesh-0', address: '10.96.200.1' };

const mesh = withLazy(lazyMesh(100, 20), true);
const world = await startIntercepted(mesh, sidecarNode());
try {
  process.stdout.write(`${JSON.stringify(await facts(world))}\n`);
} finally {
  await world.stop();
}

async function facts(sidecar: Intercepted): Promise<object> {
  const { get, connect } = sidecar;
  const atFirst = await held(sidecar);
  const used = [3, 14, 15, 40, 99].map(httpService);
  const first = await Promise.all(used.map(({ address, host }) => get(address, host)));
  await sidecar.settled();
  const afterUse = await held(sidecar);
  const burst = await Promise.all(Array.from({ length: 50 }, () => get(httpService(7).address, httpService(7).host)));
  const otherNames = await otherNamesOf(sidecar);
  const tcp = await Promise.all([2, 5].map((i) => connect(tcpService(i).address, 9000)));
  const tcpUnknown = await connect('10.97.9.9', 9000);
  const unknown = await get(outside, 'outside.example');
  const odd = await Promise.all(
    ['*', '*.mesh-1', 'a|b'].map((host) => get(outside, host).then(({ status }) => status)),
  );
  const before = await get(newcomer.address, newcomer.host);
  await sidecar.change(addService(mesh, newcomer.name, newcomer.address));
  const appeared = await get(newcomer.address, newcomer.host);
  await sidecar.restart();
  const sentAgain = sidecar.server.counters().resourcesSent;
  const afterRestart = await Promise.all([
    ...used.map(({ address, host }) => get(address, host)),
    get(newcomer.address, newcomer.host),
  ]);
  await sidecar.change(removeService(addService(mesh, newcomer.name, newcomer.address), newcomer.name));
  const gone = await get(newcomer.address, newcomer.host);
  const unseenAfterRestart = await get(httpService(60).address, httpService(60).host);
  await sidecar.change(registryOnly(mesh));
  const refused = [await get(outside, 'outside.example'), await get(outside, 'another.example')];
  const tcpRefused = await connect('10.97.9.9', 9000);
  const stillKnown = await get(httpService(3).address, httpService(3).host);
  await sidecar.change(withLazy(mesh, false));
  const switchedOff = await held(sidecar);
  const withoutLazy = await connectsAndGets(sidecar);
  await sidecar.change(mesh);
  const withLazyAgain = await connectsAndGets(sidecar);
  return {
    switchedOff,
    withoutLazy,
    withLazyAgain,
    atFirst,
    afterUse,
    first,
    burst: burst.map(({ status }) => status),
    otherNames,
    tcp,
    tcpUnknown,
    unknown,
    odd,
    before,
    appeared,
    sentAgain,
    afterRestart: afterRestart.map(({ status, instance }) => ({ status, instance })),
    gone,
    unseenAfterRestart: unseenAfterRestart.status,
    refused: refused.map(({ status }) => status),
    tcpRefused,
    stillKnown: stillKnown.status,
    complaints: sidecar.complaints(),
    rejections: sidecar.server.rejections().map(({ name, error }) => `${name}: ${error}`),
  };
}

/** Services that were used, and one of each kind that was not. */
async function connectsAndGets({ get, connect }: Intercepted): Promise<readonly (string | number)[]> {
  const tcp = await Promise.all([2, 9].map((i) => connect(tcpService(i).address, 9000)));
  const http = await Promise.all([3, 77].map((i) => get(httpService(i).address, httpService(i).host)));
  return [...tcp, ...http.map(({ status }) => status)];
}

/** The same service under its other names: the virtual host is there, or has come by another one of them. */
async function otherNamesOf({ get }: Intercepted): Promise<readonly number[]> {
  const { address, host } = httpService(21);
  const names = [`${host}.svc.cluster.local`, `${host}:80`, host.toUpperCase(), address, `${host}.svc`, host];
  const statuses: number[] = [];
  for (const name of names) statuses.push((await get(address, name)).status);
  return statuses;
}

/** What the Envoy holds of the services' configuration. */
async function held({ envoy }: Intercepted): Promise<object> {
  const dump = JSON.parse(await envoy.admin('/config_dump?include_eds')) as {
    readonly configs: readonly Readonly<Record<string, unknown>>[];
  };
  const section = (type: string) => dump.configs.find((each) => String(each['@type']).endsWith(`.${type}`));
  const clusters = (section('ClustersConfigDump')?.['dynamic_active_clusters'] ?? []) as readonly {
    readonly cluster: { readonly name: string };
  }[];
  const routes = (section('RoutesConfigDump')?.['dynamic_route_configs'] ?? []) as readonly {
    readonly route_config: { readonly virtual_hosts?: readonly { readonly name: string }[] };
  }[];
  const endpoints = (section('EndpointsConfigDump')?.['dynamic_endpoint_configs'] ?? []) as readonly object[];
  const listeners = (section('ListenersConfigDump')?.['dynamic_listeners'] ?? []) as readonly {
    readonly name: string;
  }[];
  invariant(clusters.length > 0, 'every Envoy has clusters');
  return {
    clusters: clusters
      .map(({ cluster }) => cluster.name)
      .filter((name) => name.startsWith('outbound|'))
      .toSorted(),
    virtualHosts: routes
      .flatMap(({ route_config: { virtual_hosts: hosts = [] } }) => hosts.map(({ name }) => name))
      .toSorted(),
    endpoints: endpoints.length,
    listeners: listeners.map(({ name }) => name).toSorted(),
  };
}
