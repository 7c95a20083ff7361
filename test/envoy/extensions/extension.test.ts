// Code of users in real Envoys: a module that the control plane has fetched and serves changes a response, and one that does
// not work stops traffic or lets it pass, as its failure strategy says.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Lab, Port } from '../../support/mesh/lab.ts';
import { http, namespace, startLab, yaml } from '../../support/mesh/lab.ts';
import { sendLine } from '../../support/mesh/traffic.ts';
import { headerModule, prefixModule } from '../../support/servers/wasm-module.ts';

const good = headerModule({ header: ['x-module', 'was-here'] });
const broken = headerModule({ header: ['x-module', 'never'], starts: false });
/** Modules of one content share what has become of them: so each strategy has its own. */
const fragile = (strategy: string): Buffer => headerModule({ header: ['x-module', strategy], mostHeaders: 30 });
const prefix = prefixModule('before ');
const digestOf = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
const image = Buffer.from(
  JSON.stringify({
    layers: [{ mediaType: 'application/vnd.module.wasm.content.layer.v1+wasm', digest: `sha256:${digestOf(good)}` }],
  }),
);
const tcp: Port = { number: 18081, name: 'tcp-echo', app: 'tcp' };

const files: Readonly<Record<string, Buffer>> = {
  '/good.wasm': good,
  '/FAIL_CLOSE.wasm': fragile('FAIL_CLOSE'),
  '/FAIL_OPEN.wasm': fragile('FAIL_OPEN'),
  '/FAIL_RELOAD.wasm': fragile('FAIL_RELOAD'),
  '/prefix.wasm': prefix,
  '/v2/mill/good/manifests/v1': image,
  [`/v2/mill/good/blobs/sha256:${digestOf(good)}`]: good,
  '/broken.wasm': broken,
  '/text': Buffer.from('hello'),
};

const manager = 'envoy.filters.network.http_connection_manager';

let lab: Lab;
let web: Server;
let origin = '';

beforeAll(async () => {
  web = createServer((request, response) => {
    const file = files[request.url ?? ''];
    response.writeHead(file === undefined ? 404 : 200).end(file);
  });
  await once(web.listen(0, '127.0.0.1'), 'listening');
  origin = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
  lab = await startLab({
    workloads: ['store-v1'],
    ports: [http, tcp],
    daemon: {
      modules: { isAllowed: () => true, plainRegistries: true },
    },
  });
}, 120_000);

afterAll(async () => {
  await lab?.stop();
  web?.close();
});

const plugin = (spec: object, name = 'module'): string =>
  yaml({
    apiVersion: 'extensions.istio.io/v1alpha1',
    kind: 'WasmPlugin',
    metadata: { name, namespace },
    spec: { match: [{ mode: 'CLIENT' }], ...spec },
  });

async function answerWith(spec: object, name?: string) {
  await lab.mesh.change('extension.yaml', plugin(spec, name));
  await lab.mesh.daemon.modulesFetched();
  await lab.mesh.settled();
  return lab.call('store');
}

describe('a module', () => {
  it('runs in the proxy, which got it from the control plane', async () => {
    const sha256 = createHash('sha256').update(good).digest('hex');
    const { status, headers } = await answerWith({ url: `${origin}/good.wasm`, sha256 });
    expect([status, headers['x-module']]).toEqual([200, 'was-here']);
  });

  it.each([['FAIL_CLOSE'], ['FAIL_RELOAD']])(
    'that does not start leaves the one before in force (%s)',
    async (failStrategy) => {
      const { status, headers } = await answerWith({ url: `${origin}/broken.wasm`, failStrategy });
      expect([status, headers['x-module']]).toEqual([200, 'was-here']);
      expect(lab.mesh.daemon.rejections().map(({ causes }) => causes[0]?.name)).toContain('module');
    },
  );

  it.each([
    ['FAIL_CLOSE', '/text', 403],
    ['FAIL_OPEN', '/text', 200],
    ['FAIL_CLOSE', '/gone', 403],
    ['FAIL_OPEN', '/broken.wasm', 200],
    ['FAIL_CLOSE', '/gone', 403],
    ['FAIL_RELOAD', '/broken.wasm', 403],
  ])('with the strategy %s at %s answers %d', async (failStrategy, path, expected) => {
    const { status, headers } = await answerWith({ url: origin + path, failStrategy });
    expect([status, headers['x-module']]).toEqual([expected, undefined]);
  });

  it('of another digest than was asked for does not run', async () => {
    const { status } = await answerWith({ url: `${origin}/good.wasm`, sha256: '0'.repeat(64) });
    expect(status).toBe(403);
    expect(lab.mesh.daemon.problems().map(({ code, source }) => [code, source?.name])).toContainEqual([
      'module-unavailable',
      'module',
    ]);
  });
});

const withHeaders = (count: number) =>
  lab.call('store', { headers: Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, 'x'])) });

describe('a module that breaks at a request', () => {
  it.each([
    ['FAIL_OPEN', 200, undefined],
    ['FAIL_CLOSE', 503, undefined],
    ['FAIL_RELOAD', 200, 'FAIL_RELOAD'],
  ])('with the strategy %s leaves %d and %s for those that come later', async (failStrategy, status, header) => {
    await answerWith({ url: `${origin}/${failStrategy}.wasm`, failStrategy });
    const answered = async (): Promise<string> => {
      const answer = await lab.call('store');
      return `${answer.status} ${String(answer.headers['x-module'])}`;
    };
    expect(await answered()).toBe(`200 ${failStrategy}`);
    await withHeaders(40);
    // It is started again a second after it broke.
    const wanted = `${status} ${String(header)}`;
    await lab.mesh.envoys.get('caller')?.eventually('the later ones', async () => (await answered()) === wanted);
    expect((await withHeaders(40)).status).toBe(failStrategy === 'FAIL_OPEN' ? 200 : 503);
  });
});

const imageOf = (): string => `oci://${origin.slice('http://'.length)}/mill/good:v1`;

it('a module comes out of an image', async () => {
  const { status, headers } = await answerWith({ url: imageOf(), imagePullPolicy: 'Always' });
  expect([status, headers['x-module']]).toEqual([200, 'was-here']);
});

it('a module is a file of the proxy', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'keelson-module-'));
  const file = join(directory, 'good.wasm');
  await writeFile(file, good);
  const { status, headers } = await answerWith({ url: `file://${file}` });
  expect([status, headers['x-module']]).toEqual([200, 'was-here']);
  await rm(directory, { recursive: true });
});

it('a module sees the bytes of connections', async () => {
  const onBytes = { type: 'NETWORK', match: [{ mode: 'CLIENT', ports: [{ number: tcp.number }] }] };
  const bytes = () => sendLine(lab.egress(tcp), 'hello\n');
  await answerWith({ url: `${origin}/prefix.wasm`, ...onBytes }, 'bytes');
  const arrives = async (): Promise<boolean> => (await bytes().catch(() => '')) === 'store-v1:before hello\n';
  await lab.mesh.envoys.get('caller')?.eventually('the module', arrives);
  await answerWith({ url: `${origin}/gone`, ...onBytes }, 'bytes');
  expect(await bytes().catch(() => '')).toBe('');
  await answerWith({ url: `${origin}/gone`, ...onBytes, failStrategy: 'FAIL_OPEN' }, 'bytes');
  expect(await bytes()).toBe('store-v1:hello\n');
});

it('a TrafficExtension brings a module', async () => {
  const extension = {
    apiVersion: 'extensions.istio.io/v1alpha1',
    kind: 'TrafficExtension',
    metadata: { name: 'module', namespace },
    spec: {
      match: [{ mode: 'CLIENT', ports: [{ number: http.number }] }],
      wasm: { url: imageOf(), failStrategy: 'FAIL_OPEN' },
    },
  };
  await lab.mesh.change('extension.yaml', yaml(extension));
  await lab.mesh.daemon.modulesFetched();
  await lab.mesh.settled();
  const { status, headers } = await lab.call('store');
  expect([status, headers['x-module']]).toEqual([200, 'was-here']);
});

it('a script runs in the proxy', async () => {
  const inlineCode = 'function envoy_on_response(handle) handle:headers():add("x-script", "was-here") end';
  const extension = {
    apiVersion: 'extensions.istio.io/v1alpha1',
    kind: 'TrafficExtension',
    metadata: { name: 'script', namespace },
    spec: { match: [{ mode: 'CLIENT' }], lua: { inlineCode } },
  };
  await lab.mesh.change('extension.yaml', yaml(extension));
  const { status, headers } = await lab.call('store');
  expect([status, headers['x-script']]).toEqual([200, 'was-here']);
});

it('a module that a patch brings is fetched for the proxy as well', async () => {
  const added = {
    name: 'patched-module',
    typedConfig: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm',
      config: {
        vm_config: {
          runtime: 'envoy.wasm.runtime.v8',
          code: { remote: { http_uri: { uri: `${origin}/good.wasm`, cluster: '_', timeout: '10s' } } },
        },
      },
    },
  };
  const filter = {
    name: 'patched-module',
    config_discovery: {
      config_source: { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' },
      type_urls: [added.typedConfig['@type']],
    },
  };
  const where = {
    context: 'SIDECAR_OUTBOUND',
    listener: { filterChain: { filter: { name: manager, subFilter: { name: 'envoy.filters.http.router' } } } },
  };
  const patches = {
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'EnvoyFilter',
    metadata: { name: 'module', namespace },
    spec: {
      configPatches: [
        {
          applyTo: 'EXTENSION_CONFIG',
          match: { context: 'SIDECAR_OUTBOUND' },
          patch: { operation: 'ADD', value: added },
        },
        { applyTo: 'HTTP_FILTER', match: where, patch: { operation: 'INSERT_BEFORE', value: filter } },
      ],
    },
  };
  await lab.mesh.change('extension.yaml', yaml(patches));
  await lab.mesh.daemon.modulesFetched();
  await lab.mesh.settled();
  const { status, headers } = await lab.call('store');
  expect([status, headers['x-module']]).toEqual([200, 'was-here']);
});

it('a patch adds a filter, and its result is what the proxy does', async () => {
  const filter = {
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'EnvoyFilter',
    metadata: { name: 'limit', namespace },
    spec: {
      configPatches: [
        {
          applyTo: 'HTTP_FILTER',
          match: { context: 'SIDECAR_OUTBOUND', listener: { filterChain: { filter: { name: 'envoy.filters.network.http_connection_manager', subFilter: { name: 'envoy.filters.http.router' } } } } },
          patch: {
            operation: 'INSERT_BEFORE',
            value: {
              name: 'envoy.filters.http.local_ratelimit',
              typed_config: {
                '@type': 'type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit',
                stat_prefix: 'limit',
                token_bucket: { max_tokens: 3, tokens_per_fill: 3, fill_interval: '3600s' },
                filter_enabled: { default_value: { numerator: 100 } },
                filter_enforced: { default_value: { numerator: 100 } },
              },
            },
          },
        },
      ],
    },
  }; // prettier-ignore
  await lab.mesh.change('extension.yaml', yaml(filter));
  const statuses: number[] = [];
  for (let i = 0; i < 5; i++) statuses.push((await lab.call('store')).status);
  expect(statuses).toEqual([200, 200, 200, 429, 429]);
});
