// A trace and a real Envoy agree at gateways, too: for every port, server name, host and path that is asked for, what Envoy's
// access log says of a request is one of the things that the trace said may become of it.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { DecodedConfiguration } from '../../../src/model/envoy/decoded.ts';
import type { Connection } from '../../../src/trace/request.ts';
import type { Branch } from '../../../src/trace/step.ts';
import { traceProxy } from '../../../src/trace/trace.ts';
import type { Backend } from '../../support/servers/backend.ts';
import { startHttp } from '../../support/servers/backend.ts';
import { gateway, gatewayTemplate, loopbackNet, pair, pod, routes, secret, selfSigned, server, service } from '../../support/mesh/gateway.ts'; // prettier-ignore
import type { LiveMesh } from '../../support/mesh/live-mesh.ts';
import { startLiveMesh } from '../../support/mesh/live-mesh.ts';
import { send } from '../../support/mesh/traffic.ts';

const net = loopbackNet();
const [gate, web] = [`${net}.1`, `${net}.10`];
const [plain, tls] = [18080, 18443];
const shop = selfSigned('*.example.com');
const bank = selfSigned('bank.test');

const fields = ['REQ(X-CASE)', 'ROUTE_NAME', 'UPSTREAM_CLUSTER_RAW', 'RESPONSE_FLAGS', 'RESPONSE_CODE'];
const meshConfig = (log: string): string =>
  `---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata: {mesh: '${JSON.stringify({ accessLogFile: log, accessLogFormat: `${fields.map((field) => `%${field}%`).join(' ')}\n` })}'}\n`;

const destination = '{destination: {host: web, port: {number: 18080}}';
const files = {
  'mesh.yaml':
    pod('gate', 'edge', gate, gatewayTemplate) + pod('web', 'shop', web) + service('web', '{name: http, port: 18080}'),
  'gateways.yaml':
    gateway('front', 'gate', [
      server(gate, 'http', 'HTTP', plain, '"*.example.com"'),
      server(gate, 'old', 'HTTP', plain, 'old.test', 'httpsRedirect: true'),
      server(gate, 'shop', 'HTTPS', tls, '"*.example.com"', 'mode: SIMPLE, credentialName: shop'),
      server(gate, 'bank', 'HTTPS', tls, 'bank.test', 'mode: SIMPLE, credentialName: bank'),
    ]) + gateway('late', 'gate', [server(gate, 'more', 'HTTP', plain, 'shop.example.com')]),
  'routes.yaml':
    routes('shop', ['shop.example.com'], 'edge/front', `http: [
      {name: moved, match: [{uri: {prefix: /old}}], redirect: {uri: /new}},
      {name: tea, match: [{uri: {exact: /tea}, headers: {x-user: {exact: ann}}}], directResponse: {status: 418}},
      {name: split, match: [{uri: {regex: "/v[0-9]+/.*"}}], route: [${destination}, weight: 50}, {destination: {host: nobody}, weight: 50}]},
      {name: plainly, match: [{uri: {prefix: /port}, port: ${plain}}], route: [${destination}}]},
      {name: rest, match: [{uri: {prefix: /}}], route: [${destination}}]}]`) +
    routes('any', ['"*.example.com"'], 'edge/front', `http: [{name: any, match: [{uri: {prefix: /any}}], route: [${destination}}]}]`) +
    routes('late', ['shop.example.com'], 'edge/late', `http: [{name: late, match: [{uri: {prefix: /late}}], directResponse: {status: 410}}]`) +
    routes('bank', ['bank.test'], 'edge/front', `http: [{name: bank, route: [${destination}}]}]`),
  'secrets.yaml': secret('shop', pair(shop)) + secret('bank', pair(bank)),
}; // prettier-ignore

let directory: string;
let log: string;
let app: Backend;
let mesh: LiveMesh;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'trace-gateway-'));
  log = join(directory, 'access.log');
  app = await startHttp('web', { host: web, port: 18080 });
  mesh = await startLiveMesh({
    files: { ...files, 'config.yaml': meshConfig(log) },
    proxies: ['gate-1.edge'],
    daemon: { monitoringAddress: '127.0.0.1:0' },
  });
}, 60_000);
afterAll(async () => {
  await mesh?.stop();
  await app?.close();
  await rm(directory, { recursive: true, force: true });
});

interface Asked {
  readonly port: number;
  /** Absent: in the clear. */
  readonly serverName?: string;
  readonly host: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

const paths = ['/', '/old/x', '/tea', '/v1/a', '/port', '/any', '/late/y'];
const hosts = ['shop.example.com', 'news.example.com', 'bank.test', 'old.test', 'nobody.test', 'SHOP.example.com:80'];
const asked: readonly Asked[] = [{}, { 'x-user': 'ann' }].flatMap((headers) =>
  paths.flatMap((path) =>
    hosts.flatMap((host): readonly Asked[] => [
      { port: plain, host, path, headers },
      ...['shop.example.com', 'bank.test'].map((serverName) => ({ port: tls, serverName, host, path, headers })),
    ]),
  ),
);

function ask({ port, serverName, host, path, headers }: Asked, name: string): Promise<unknown> {
  const all = { ...headers, host, 'x-case': name };
  if (serverName === undefined) return send({ host: gate, port }, { path, headers: all });
  const options = { host: gate, port, path, headers: all, servername: serverName, rejectUnauthorized: false, agent: false }; // prettier-ignore
  return new Promise((resolve, reject) => {
    httpsRequest(options, (answer) => answer.resume().on('end', resolve)).on('error', reject).end(); // prettier-ignore
  });
}

const connection = ({ port, serverName, host, path, headers }: Asked): Connection => ({
  source: { address: '127.0.0.1', principal: undefined },
  destination: { address: gate, port },
  tls: serverName === undefined ? undefined : { serverName, protocols: ['http/1.1'] },
  http: { method: 'GET', host, path, headers, claims: undefined },
});

/** Clusters that are not there are not logged. */
const expected = ({ ending, route, cluster }: Branch, known: ReadonlySet<string>): string => {
  const status = ending.kind === 'response' ? ending.status : ending.kind === 'forwarded' ? 200 : ending.details;
  const flags = ending.kind === 'response' ? ending.flags : '';
  return [route, known.has(cluster) ? cluster : '', flags, status].map((field) => (field === '' ? '-' : String(field))).join(' '); // prettier-ignore
};

test('for every port, server name, host and path', { timeout: 120_000 }, async () => {
  const at = `http://127.0.0.1:${mesh.daemon.monitoringPort}/debug/resources?proxyID=gate-1.edge`;
  const { resources } = (await (await fetch(at)).json()) as { readonly resources: DecodedConfiguration };
  const clusters = new Set(resources.cluster.map(({ name }) => name));
  for (const [i, each] of asked.entries()) await ask(each, `case-${i}`);
  let lines: readonly string[] = [];
  await mesh.envoys.get('gate-1')!.eventually('the access log to be written', async () => {
    lines = (await readFile(log, 'utf8').catch(() => '')).split('\n').filter((line) => line.startsWith('case-'));
    return lines.length === asked.length;
  });
  const seen = new Set<string>();
  for (const line of lines) {
    const [name = '', ...said] = line.split(' ');
    const each = asked[Number(name.slice('case-'.length))]!;
    const possible = traceProxy(resources, 'outbound', connection(each)).map((branch) => expected(branch, clusters));
    expect(possible, JSON.stringify({ ...each, said })).toContain(said.join(' '));
    seen.add(said.join(' '));
  }
  // The cases are worth something: hits of every route, redirects, answers of the gateway's own, and hosts that nobody knows.
  expect([...seen].map((each) => each.split(' ')[0])).toEqual(expect.arrayContaining(['moved', 'tea', 'split', 'plainly', 'rest', 'any', 'late', 'bank', '-'])); // prettier-ignore
  expect([...seen].some((each) => each.endsWith(' 301'))).toBe(true);
});
