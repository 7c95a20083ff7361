// Things that people break, in a mesh of eleven Envoys: what is seen of it in traffic, and the one command that names the
// object, its field and what would be right. Everything is whole before, and whole again after.
// docs/problems/README.md has them as a table.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { connect } from 'node:tls';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { createRoot, openAuthority } from '../../../src/ca/authority.ts';
import { exit } from '../../../src/cli/io.ts';
import { keelson } from '../../../src/cli/keelson.ts';
import type { TcpProxy } from '../../support/servers/tcp-proxy.ts';
import { meshConfigMap } from '../../support/objects/mesh-config.ts';
import { startTcpProxy } from '../../support/servers/tcp-proxy.ts';
import { waitFor } from '../../support/mesh/live-mesh.ts';
import type { MessageOf } from '../../../src/xds/generated/messages.ts';
import type { Lab } from '../../support/mesh/lab.ts';
import { namespace, startLab, yaml } from '../../support/mesh/lab.ts';
import { destinationRule, peerAuthentication, virtualService } from '../../support/objects/rules.ts';
import { whoOf } from '../../support/mesh/traffic.ts';

const site = 'shop.example.com';
const gate = `127.${20 + Math.floor(Math.random() * 200)}.${1 + Math.floor(Math.random() * 250)}.90`;
const services = ['store', 'bank', 'stock', 'mail', 'film', 'tax', 'rate', 'book'];

let lab: Lab;
/** Between one of the Envoys and its control plane. */
let line: TcpProxy | undefined;
const book = `book-v1.${namespace}`;
let secrets: Readonly<Record<'good' | 'ended', string>>;

beforeAll(async () => {
  const now = Date.now();
  secrets = { good: await secret(now - hour, now + 1000 * hour), ended: await secret(now - 1000 * hour, now - hour) };
  const sidecars = services.map((name) => ({ name: `${name}-v1`, sidecar: true }));
  lab = await startLab({
    workloads: [...sidecars, { name: 'store-v2', sidecar: true }, 'outside-v1'],
    reaches: ['*/*'],
    files: { 'gate.yaml': gatePod, 'gateway.yaml': gateway('shop'), 'secret.yaml': secrets.good },
    proxies: [`gate.${namespace}`],
    daemon: { monitoringAddress: '127.0.0.1:0', certificateTtl: shortLife },
    through: async (proxy, port) => {
      if (proxy !== book) return port;
      line = await startTcpProxy(port);
      return line.port;
    },
  });
}, 240_000);
afterAll(async () => {
  await lab?.stop();
  await line?.stop();
});

/** Of workload certificates, in milliseconds: long enough to be renewed in time on a busy machine. */
const shortLife = 30_000;

const hour = 3_600_000;

async function secret(notBefore: number, notAfter: number): Promise<string> {
  const authority = await openAuthority(await createRoot('example.com', Date.now(), hour));
  const times = { notBefore: wholeSeconds(notBefore), notAfter: wholeSeconds(notAfter) };
  const names = { subject: [['CN', site] as const], uris: [], dnsNames: [site], ipAddresses: [] };
  const { certificate, privateKey } = await authority.issue({ ...names, usage: 'server', ...times });
  return yaml({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'shop', namespace },
    stringData: { 'tls.crt': certificate, 'tls.key': privateKey },
  });
}

const wholeSeconds = (time: number): number => Math.floor(time / 1000) * 1000;

const gatePod = yaml({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'gate',
    namespace,
    labels: { app: 'gate' },
    annotations: { 'inject.istio.io/templates': 'gateway' },
  },
  spec: { serviceAccountName: 'gate', containers: [{ name: 'app' }] },
  status: { podIP: gate },
});

const gateway = (credentialName: string): string => {
  const port = { number: 18443, name: 'https', protocol: 'HTTPS' };
  const server = { bind: gate, port, hosts: [site], tls: { mode: 'SIMPLE', credentialName } };
  return yaml(
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'Gateway',
      metadata: { name: 'front', namespace },
      spec: { selector: { app: 'gate' }, servers: [server] },
    },
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'front', namespace },
      spec: { hosts: [site], gateways: ['front'], http: [{ route: [{ destination: { host: 'store' } }] }] },
    },
  );
};

const meshConfig = (settings: object): string => yaml(meshConfigMap(settings));

const depot = (port: string): string =>
  yaml({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'depot', namespace },
    spec: { selector: { app: 'stock' }, ports: [{ name: port, port: 18080 }] },
  });

const vault = (exportTo: string): string =>
  yaml({
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name: 'vault', namespace: 'other' },
    spec: {
      hosts: ['vault.example.com'],
      exportTo: [exportTo],
      ports: [{ number: 18080, name: 'http', protocol: 'HTTP' }],
      resolution: 'STATIC',
      endpoints: [{ address: lab.ingress('outside-v1').host }],
    },
  });

const tellers = (action: string, principal: string): string =>
  yaml({
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name: 'bank', namespace },
    spec: {
      selector: { matchLabels: { app: 'bank' } },
      action,
      rules: [{ from: [{ source: { principals: [`cluster.local/ns/${namespace}/sa/${principal}`] } }] }],
    },
  });

const patch = (value: object): string =>
  yaml({
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'EnvoyFilter',
    metadata: { name: 'tuning', namespace },
    spec: {
      workloadSelector: { labels: { app: 'caller' } },
      configPatches: [
        {
          applyTo: 'CLUSTER',
          match: { context: 'SIDECAR_OUTBOUND', cluster: { service: `film.${namespace}.svc.cluster.local` } },
          patch: { operation: 'MERGE', value },
        },
      ],
    },
  });

/** Who answers, the status, or how the connection ended. */
const ask = async (service: string, path = '/'): Promise<string> =>
  lab.call(service, { path }).then(whoOf, () => 'closed');

/** Whether the certificate that the gateway shows is good at this time. */
const handshake = (): Promise<string> => validity({ host: gate, port: 18443, servername: site });

const validity = (at: ConnectionOptions): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect({ ...at, rejectUnauthorized: false }, () => {
      const { valid_to: until } = socket.getPeerCertificate();
      resolve(Date.parse(until) > Date.now() ? 'good' : 'ended');
      socket.destroy();
    });
    socket.on('error', () => resolve('refused'));
    socket.on('close', () => resolve('refused'));
  });

/** The connect timeout that the caller's Envoy has for the patched cluster: what is rejected leaves the one before in force. */
const patched = async (): Promise<string> => {
  const dump = await lab.mesh.envoys.get('caller')!.admin('/config_dump?resource=dynamic_active_clusters');
  const { configs } = JSON.parse(dump) as { readonly configs: readonly { readonly cluster: Cluster }[] };
  const film = configs.find(({ cluster }) => cluster.name?.includes(`|film.${namespace}.`));
  return film?.cluster.connect_timeout ?? 'none';
};

type Cluster = MessageOf['envoy.config.cluster.v3.Cluster'];

interface Breakage {
  readonly name: string;
  readonly file: string;
  /** The file before and after; undefined: it is not there. */
  readonly whole?: () => string;
  readonly broken: () => string;
  readonly seen: () => Promise<string>;
  readonly fine: string;
  readonly symptom: string;
  /** What is asked; of `keelson`, but for the daemon's address. */
  readonly command: () => readonly string[];
  /** Object, field, remedy. */
  readonly named: readonly [object: string, field: string, remedy: string];
}

const trace = (service: string, path = ''): readonly string[] => {
  const { host, port } = lab.egress();
  return ['trace', '--from', `caller.${namespace}`, '--address', host, `http://${service}:${port}${path}`];
};

const breakages: readonly Breakage[] = [
  {
    name: 'wrong port name',
    file: 'depot.yaml',
    whole: () => depot('http-web'),
    broken: () => depot('tcp-web'),
    seen: () => ask('depot'),
    fine: 'stock-v1',
    symptom: '503',
    command: () => trace('depot'),
    named: ['Service lab/depot', 'spec.ports', 'call it http-web'],
  },
  {
    name: 'missing subset',
    file: 'routes.yaml',
    broken: () =>
      virtualService('store', 'http: [{ route: [{ destination: { host: store, subset: v9 } }] }]') +
      '---' +
      destinationRule('store', 'subsets: [{ name: v1, labels: { version: v1 } }]'),
    seen: async () => ((await ask('store')).startsWith('store') ? 'store' : ask('store')),
    fine: 'store',
    symptom: '503',
    command: () => trace('store'),
    named: ['VirtualService lab/store', 'spec.http[0].route[0].destination.subset', 'name one that is there'],
  },
  {
    name: 'shadowed route',
    file: 'routes.yaml',
    whole: () => virtualService('mail', 'http: [{ name: tax, match: [{ uri: { prefix: /tax } }], route: [{ destination: { host: tax } }] }, { name: all, route: [{ destination: { host: mail } }] }]'), // prettier-ignore
    broken: () => virtualService('mail', 'http: [{ name: all, route: [{ destination: { host: mail } }] }, { name: tax, match: [{ uri: { prefix: /tax } }], route: [{ destination: { host: tax } }] }]'), // prettier-ignore
    seen: () => ask('mail', '/tax'),
    fine: 'tax-v1',
    symptom: 'mail-v1',
    command: () => ['explain', '--proxy', `caller.${namespace}`, 'host', 'mail'],
    named: ['VirtualService lab/mail', 'spec.http[1]', 'rule "all" before it matches everything'],
  },
  {
    name: 'rejected EnvoyFilter',
    file: 'filter.yaml',
    whole: () => patch({ connect_timeout: '3s' }),
    broken: () => patch({ connect_timeout: '7s', type: 'STRICT_DNS', lb_policy: 'CLUSTER_PROVIDED' }),
    seen: async () => ((await patched()) === '3s' && lab.mesh.daemon.rejections().length > 0 ? 'not taken' : patched()),
    fine: '3s',
    symptom: 'not taken',
    command: () => ['proxy', 'status'],
    named: ['EnvoyFilter lab/tuning', 'spec.configPatches[0]', 'mend or delete this EnvoyFilter'],
  },
  {
    name: 'policy denies',
    file: 'policy.yaml',
    whole: () => tellers('ALLOW', 'caller'),
    broken: () => tellers('ALLOW', 'teller'),
    seen: () => ask('bank'),
    fine: 'bank-v1',
    symptom: '403',
    command: () => trace('bank'),
    named: ['AuthorizationPolicy lab/bank', 'spec.rules', 'add "cluster.local/ns/lab/sa/caller" to the principals'],
  },
  {
    name: 'expired certificate of a gateway',
    file: 'secret.yaml',
    whole: () => secrets.good,
    broken: () => secrets.ended,
    seen: handshake,
    fine: 'good',
    symptom: 'ended',
    command: () => ['explain', '--proxy', `gate.${namespace}`, 'object', 'Gateway', `${namespace}/front`],
    named: ['Gateway lab/front', 'spec.servers[0].tls.credentialName', 'put a new one into tls.crt and tls.key of Secret lab/shop'], // prettier-ignore
  },
  {
    name: 'host not exported',
    file: 'vault.yaml',
    whole: () => vault('*'),
    broken: () => vault('.'),
    seen: () => ask('vault.example.com'),
    fine: 'outside-v1',
    symptom: '503',
    command: () => ['explain', '--proxy', `caller.${namespace}`, 'host', 'vault.example.com'],
    named: ['ServiceEntry other/vault', 'spec.exportTo', 'add "lab" or "*"'],
  },
  {
    name: 'DestinationRule without tls under STRICT',
    file: 'rate.yaml',
    whole: () => meshConfig({ enableAutoMtls: false }),
    broken: () =>
      [
        meshConfig({ enableAutoMtls: false }),
        peerAuthentication('STRICT'),
        destinationRule('rate', 'trafficPolicy: { connectionPool: { http: { maxRequestsPerConnection: 1 } } }'),
      ].join('---\n'),
    seen: () => ask('rate'),
    fine: 'rate-v1',
    symptom: '503',
    command: () => trace('rate'),
    named: ['DestinationRule lab/rate', 'spec.trafficPolicy.tls', 'write mode: ISTIO_MUTUAL'],
  },
  {
    name: 'wrong credential of a Gateway',
    file: 'gateway.yaml',
    whole: () => gateway('shop'),
    broken: () => gateway('shopp'),
    seen: handshake,
    fine: 'good',
    symptom: 'refused',
    command: () => ['trace', '--from', `gate.${namespace}`, `https://${site}:18443/`],
    named: ['Gateway lab/front', 'spec.servers[0].tls.credentialName', 'create it there, of type kubernetes.io/tls'],
  },
  {
    name: 'egress blocked',
    file: 'egress.yaml',
    broken: () => meshConfig({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } }),
    seen: () => ask('api.example.com'),
    // Nothing is captured here, so even what is let out has nowhere to go.
    fine: '503',
    symptom: '502',
    command: () => trace('api.example.com'),
    named: ['ConfigMap istio-system/istio', 'outboundTrafficPolicy.mode', 'add a ServiceEntry for it'],
  },
];

async function run(argv: readonly string[]): Promise<{ readonly said: string; readonly code: number }> {
  const said: string[] = [];
  const io = { stdout: (text: string) => said.push(text), stderr: (text: string) => said.push(text) };
  const code = await keelson([...argv, '--server', `http://127.0.0.1:${lab.mesh.daemon.monitoringPort}`], io);
  return { said: said.join(''), code };
}

test('these and one below, in a mesh of eleven Envoys', () => {
  expect(breakages.length).toBe(10);
  expect(lab.mesh.daemon.status().length).toBe(11);
});

test('the daemon tells before what such a thing would do, and changes nothing', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'breakages-'));
  try {
    const file = join(directory, 'routes.yaml');
    await writeFile(file, virtualService('tax', 'http: [{ route: [{ destination: { host: tax, subset: v9 } }] }]'));
    const { said } = await run(['diff', '--file', file, '--proxy', `caller.${namespace}`]);
    expect(said).toContain('how requests are routed at 18080 changes');
    expect(said).toContain('VirtualService lab/tax spec.http[0].route[0].destination.subset');
    await writeFile(file, depotOf('tax'));
    expect((await run(['diff', '--delete', file])).said).toContain(
      'tax.lab.svc.cluster.local:18080 is connected to disappears',
    );
    expect(await ask('tax')).toBe('tax-v1');
  } finally {
    await rm(directory, { recursive: true });
  }
});

/** A Service of the lab, as far as its name. */
const depotOf = (name: string): string => depot('http').replace('name: depot', `name: ${name}`);

const page = readFileSync(new URL('../../../docs/problems/README.md', import.meta.url), 'utf8');

test.each(breakages)('$name', { timeout: 120_000 }, async (breakage) => {
  const { name, file, whole, broken, seen, fine, symptom, command, named } = breakage;
  const settled = (state: string) => waitFor(`${name}: ${state}`, async () => (await seen()) === state);
  const isThere = ['secret.yaml', 'gateway.yaml'].includes(file);
  if (whole !== undefined && !isThere) await lab.mesh.change(file, whole());
  await settled(fine);
  await lab.mesh.change(file, broken());
  await settled(symptom);
  const { said, code } = await run(command());
  for (const words of named) expect(said).toContain(words);
  if (command()[0] === 'trace') expect(code).toBe(exit.bad);
  await lab.mesh.change(file, whole?.());
  await settled(fine);
  if (whole !== undefined && !isThere) await lab.mesh.change(file, undefined);
  expect(page).toContain(`| ${name}`);
});

test('expired certificate of a workload', { timeout: 120_000 }, async () => {
  // Connections from before would go on; every request is to shake hands.
  const once = destinationRule('book', 'trafficPolicy: { connectionPool: { http: { maxRequestsPerConnection: 1 } } }');
  await lab.mesh.change('book.yaml', once);
  const settled = (state: string) => waitFor(`a workload: ${state}`, async () => (await ask('book')) === state);
  await settled('book-v1');
  /** What the workload shows to callers of the mesh. */
  const shown = () => validity({ ...lab.ingress('book-v1'), ALPNProtocols: ['istio'] });
  expect(await shown()).toBe('good');
  line?.refuse(true);
  line?.cut();
  await settled('503');
  expect(await shown()).toBe('ended');
  const words = 'TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:TLS_error_end';
  const asked = await run(['explain', '--proxy', `caller.${namespace}`, 'error', words]);
  expect(asked.said).toContain('Pod lab/book-v1: the certificate of its proxy');
  for (const command of [trace('book'), ['proxy', 'status']]) {
    const { said, code } = await run(command);
    expect(said).toContain('Pod lab/book-v1');
    expect(said).toMatch(/the certificate of its proxy \(127[.\d]+\) ended at 2\d{3}-/);
    expect(said).toContain('it is not connected to the control plane since 2');
    expect(said).toContain('may reach the xDS port');
    expect(code).toBe(exit.bad);
  }
  line?.refuse(false);
  await settled('book-v1');
  const mended = await run(['proxy', 'status']);
  expect(mended.said).not.toContain('certificate');
  await lab.mesh.change('book.yaml', undefined);
  expect(page).toContain('| expired certificate of a workload');
});

test('nothing is rejected in the end', () => {
  expect(lab.mesh.daemon.rejections()).toEqual([]);
});
