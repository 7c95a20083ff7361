// `keelson explain --suggest-sidecar` against an admin interface of our own, which answers as Envoy's does.
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';

import { keelson } from '../../src/cli/keelson.ts';

interface Counted {
  readonly name: string;
  readonly counts?: string;
  /** rq_total and cx_total of each endpoint. */
  readonly endpoints?: readonly (readonly [number, number])[];
}

const object = (kind: string, apiVersion: string, name: string, namespace: string, rest: object): object => ({
  apiVersion,
  kind,
  metadata: { name, namespace },
  ...rest,
});
const service = (name: string, namespace: string): object =>
  object('Service', 'v1', name, namespace, { spec: { ports: [{ name: 'http', port: 80 }] } });
const istio = (kind: string, name: string, namespace: string, spec: object): object =>
  object(kind, 'networking.istio.io/v1', name, namespace, { spec });
const pod = (name: string, labels: object): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop', labels },
  spec: { containers: [{ name: 'app' }] },
  status: { podIP: '10.0.0.1' },
});

const services = [
  ...['cart', 'stock', 'price'].map((name) => service(name, 'shop')),
  ...['mail', 'bank', 'post'].map((name) => service(name, 'outside')),
];
const web = pod('web-1', { app: 'web', 'pod-template-hash': 'abc', version: 'v1' });
const cluster = (name: string, namespace: string): string => `outbound|80||${name}.${namespace}.svc.cluster.local`;

let folder: string;
let server: Server;
let admin: string;
let clusters: readonly Counted[];
let node: string;
let garbage: string | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'suggest-'));
  server = createServer((request, response) => {
    if (request.url === '/server_info') response.end(JSON.stringify({ state: 'LIVE', node: { id: node } }));
    else if (request.url === '/clusters?format=json') response.end(garbage ?? JSON.stringify(clustersMessage()));
    else response.writeHead(404).end('no such path');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  admin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  node = 'sidecar~10.0.0.1~web-1.shop~shop.svc.cluster.local';
  garbage = undefined;
  clusters = [
    { name: cluster('cart', 'shop'), endpoints: [[3, 1], [4, 2]] }, // prettier-ignore
    { name: 'outbound|80|v2|cart.shop.svc.cluster.local', endpoints: [[10, 1]] },
    { name: cluster('stock', 'shop'), endpoints: [[0, 0]] },
    { name: cluster('mail', 'outside'), endpoints: [[0, 1]] },
    { name: cluster('bank', 'outside') },
    { name: 'inbound|80||', endpoints: [[9, 9]] },
    { name: 'xds-grpc', endpoints: [[1, 1]] },
  ];
});
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

/** As Envoy writes it: 64-bit numbers in strings, zeros left out. */
const clustersMessage = (): object => ({
  cluster_statuses: clusters.map(({ name, counts = name, endpoints = [] }) => ({
    name,
    added_via_api: true,
    host_statuses: endpoints.map(([requests, connections]) => ({
      stats: [counter('cx_total', connections), counter('rq_error', 0), counter('rq_total', requests)],
      weight: 1,
    })),
    observability_name: counts,
  })),
});
const counter = (name: string, value: number): object => ({ name, ...(value > 0 && { value: `${value}` }) });

async function suggest(objects: readonly object[], ...more: readonly string[]) {
  const file = join(folder, 'mesh.yaml');
  await writeFile(file, objects.map((each) => stringify(each)).join('---\n'));
  const out = { code: 0, stdout: '', stderr: '' };
  const args = ['--config', file, '--proxy', 'web-1.shop', '--suggest-sidecar', '--admin', admin, ...more];
  out.code = await keelson(['explain', ...args], {
    stdout: (text) => void (out.stdout += text),
    stderr: (text) => void (out.stderr += text),
  });
  return out;
}

const hostsIn = (yaml: string): unknown =>
  (parse(yaml) as { spec: { egress: readonly { hosts: unknown }[] } }).spec.egress.map(({ hosts }) => hosts);

describe('keelson explain --suggest-sidecar', () => {
  test('prints an object to apply, and what it rests on beside it', async () => {
    const { code, stdout, stderr } = await suggest([web, ...services]);
    expect({ code, object: parse(stdout) as unknown }).toEqual({
      code: 0,
      object: {
        apiVersion: 'networking.istio.io/v1',
        kind: 'Sidecar',
        metadata: { name: 'web', namespace: 'shop' },
        spec: {
          workloadSelector: { labels: { app: 'web' } },
          egress: [{ hosts: ['./cart.shop.svc.cluster.local', 'outside/mail.outside.svc.cluster.local'] }],
        },
      },
    });
    expect(stderr).toMatch(/^cart\.shop\.svc\.cluster\.local +17 +4$/m);
    expect(stderr).toMatch(/^mail\.outside\.svc\.cluster\.local +0 +1$/m);
    expect(stderr).toContain('2 of 6 services in sight remain\n');
  });

  test('is accepted again, and suggests itself then', async () => {
    const first = await suggest([web, ...services]);
    const second = await suggest([web, ...services, parse(first.stdout) as object]);
    expect(second.stdout).toBe(first.stdout);
    expect(second.stderr).toContain('2 of 2 services in sight remain\n');
  });

  test('prints all of it as JSON', async () => {
    const { stdout, stderr } = await suggest([web, ...services], '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      sidecar: { kind: 'Sidecar', metadata: { name: 'web' } },
      used: [
        { host: 'cart.shop.svc.cluster.local', namespace: 'shop', requests: 17, connections: 4 },
        { host: 'mail.outside.svc.cluster.local', namespace: 'outside', requests: 0, connections: 1 },
      ],
      remaining: 2,
      inSight: 6,
    });
    expect(stderr).toBe('');
  });

  test('keeps the hosts of routes that lead to what was used', async () => {
    const routes = [
      istio('VirtualService', 'letters', 'routes', {
        hosts: ['letters.example.com'],
        http: [{ route: [{ destination: { host: 'mail.outside.svc.cluster.local' } }] }],
      }),
      istio('VirtualService', 'stock', 'shop', {
        hosts: ['stock'],
        http: [{ route: [{ destination: { host: 'cart' } }] }],
      }),
      istio('VirtualService', 'other', 'routes', {
        hosts: ['other.example.com'],
        http: [{ route: [{ destination: { host: 'bank.outside.svc.cluster.local' } }] }],
      }),
    ];
    const { stdout, stderr } = await suggest([web, ...services, ...routes]);
    expect(hostsIn(stdout)).toEqual([
      [
        './cart.shop.svc.cluster.local',
        './stock.shop.svc.cluster.local',
        'outside/mail.outside.svc.cluster.local',
        'routes/letters.example.com',
      ],
    ]);
    expect(stderr).toContain('3 of 6 services in sight remain\n');
  });

  test('keeps a service whose routes, written elsewhere, lead to what was used', async () => {
    const post = 'post.outside.svc.cluster.local';
    const moved = istio('VirtualService', 'post', 'routes', {
      hosts: [post],
      http: [{ route: [{ destination: { host: 'mail.outside.svc.cluster.local' } }] }],
    });
    const { stdout } = await suggest([web, ...services, moved]);
    expect(hostsIn(stdout)).toEqual([
      ['./cart.shop.svc.cluster.local', 'outside/mail.outside.svc.cluster.local', `outside/${post}`, `routes/${post}`],
    ]);
  });

  test("takes the place of the workload's own object and keeps what else that says", async () => {
    const own = istio('Sidecar', 'handwritten', 'shop', {
      workloadSelector: { labels: { version: 'v1' } },
      ingress: [{ port: { number: 8080, protocol: 'HTTP', name: 'http' }, defaultEndpoint: '127.0.0.1:8080' }],
      egress: [
        { port: { number: 80, protocol: 'HTTP', name: 'http' }, bind: '127.0.0.2', hosts: ['./*'] },
        { hosts: ['outside/post.outside.svc.cluster.local'] },
      ],
      outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
    });
    const { stdout } = await suggest([web, ...services, own]);
    expect(parse(stdout)).toEqual({
      ...own,
      spec: {
        ...(own as { spec: object }).spec,
        egress: [
          {
            port: { number: 80, protocol: 'HTTP', name: 'http' },
            bind: '127.0.0.2',
            hosts: ['./cart.shop.svc.cluster.local'],
          },
          { hosts: ['~/*'] },
        ],
      },
    });
  });

  test("goes before the namespace's object with what that says, under a name of its own", async () => {
    const everybody = istio('Sidecar', 'web', 'shop', {
      egress: [{ hosts: ['outside/*'] }],
      outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
    });
    const { stdout } = await suggest([web, ...services, everybody]);
    expect(parse(stdout)).toMatchObject({
      metadata: { name: 'web-2' },
      spec: {
        workloadSelector: { labels: { app: 'web' } },
        egress: [{ hosts: ['outside/mail.outside.svc.cluster.local'] }],
        outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
      },
    });
  });

  test('takes for use by a lazy proxy what it asked for, by name or by address', async () => {
    const labels = { app: 'web', 'keelson.io/lazy': 'true' };
    clusters = [
      { name: cluster('stock', 'shop') },
      { name: 'tcp|10.96.0.7:80', counts: `${cluster('bank', 'outside')};` },
      { name: 'tcp|10.96.0.8:80', counts: 'PassthroughCluster;', endpoints: [[1, 1]] },
    ];
    const { stdout } = await suggest([pod('web-1', labels), ...services]);
    expect(hostsIn(stdout)).toEqual([['./stock.shop.svc.cluster.local', 'outside/bank.outside.svc.cluster.local']]);
  });

  test('selects by what all Pods of the workload have when none of the usual labels is there', async () => {
    const odd = pod('web-1', { team: 'blue', 'pod-template-hash': 'abc', 'security.istio.io/tlsMode': 'istio' });
    const { stdout } = await suggest([odd, ...services]);
    expect(parse(stdout)).toMatchObject({ spec: { workloadSelector: { labels: { team: 'blue' } } } });
    const bare = await suggest([pod('web-1', { 'pod-template-hash': 'abc' }), ...services]);
    expect([bare.code, bare.stdout]).toEqual([1, '']);
    expect(bare.stderr).toContain('has no label that outlasts it');
  });

  test('says of services in use that the files do not have', async () => {
    clusters = [...clusters, { name: cluster('new', 'shop'), endpoints: [[1, 1]] }];
    const { code, stderr } = await suggest([web, ...services]);
    expect(code).toBe(0);
    expect(stderr).toContain('in use, but not in sight according to --config: new.shop.svc.cluster.local\n');
  });
});

describe('without an answer', () => {
  test('nothing was used yet', async () => {
    clusters = [{ name: cluster('cart', 'shop'), endpoints: [[0, 0]] }];
    const { code, stdout, stderr } = await suggest([web, ...services]);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('web-1.shop has used no service yet');
  });

  test('nobody is at the address', async () => {
    const { code, stderr } = await suggest([web, ...services], '--admin', 'http://127.0.0.1:1');
    expect(code).toBe(1);
    expect(stderr).toMatch(/cannot read Envoy's admin interface at http:\/\/127\.0\.0\.1:1: ./);
    expect(stderr).toContain('kubectl port-forward -n shop pod/web-1 15000:15000');
  });

  test('it is the Envoy of another Pod', async () => {
    node = 'sidecar~10.0.0.2~api-1.shop~shop.svc.cluster.local';
    const { code, stderr } = await suggest([web, ...services]);
    expect(code).toBe(1);
    expect(stderr).toContain('is that of api-1.shop, not of web-1.shop');
  });

  test.each(['no JSON', '7', '{"cluster_statuses":[{}]}', '{"cluster_statuses":[{"name":"a","host_statuses":7}]}'])(
    'it is no Envoy: %s',
    async (answer) => {
      garbage = answer;
      const { code, stderr } = await suggest([web, ...services]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/cannot read Envoy's admin interface|is not what an Envoy says/);
    },
  );

  test('wrong use', async () => {
    const unknown = await suggest([web, ...services], '--proxy', 'nobody.shop');
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain("there is no Pod 'nobody.shop'");
    const address = await suggest([web, ...services], '--admin', '127.0.0.1:15000');
    expect(address.code).toBe(2);
    expect(address.stderr).toContain('--admin is a URL');
  });
});
