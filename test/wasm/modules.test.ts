// Modules from web servers and registries: what is taken, what is refused, and that credentials go to nobody else.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ModuleSource } from '../../src/model/external/module-source.ts';
import { fetchModule } from '../../src/wasm/module-fetch.ts';
import { imageReference } from '../../src/wasm/image-reference.ts';
import { ModuleWatcher } from '../../src/wasm/module-watcher.ts';
import { snapshotOf } from '../support/objects/snapshot.ts';
import { headerModule } from '../support/servers/wasm-module.ts';

const module = headerModule({ header: ['a', 'b'] });
const digestOf = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

function tar(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(content.length.toString(8).padStart(11, '0'), 124);
  header.write('0', 156);
  return Buffer.concat([header, content, Buffer.alloc(512 - (content.length % 512)), Buffer.alloc(1024)]);
}

const archive = gzipSync(tar('plugin.wasm', module));
const manifest = (mediaType: string, layer: Buffer): Buffer =>
  Buffer.from(JSON.stringify({ layers: [{ mediaType, digest: `sha256:${digestOf(layer)}`, size: layer.length }] }));
const plainManifest = manifest('application/vnd.module.wasm.content.layer.v1+wasm', module);
const archived = manifest('application/vnd.oci.image.layer.v1.tar+gzip', archive);
const lying = manifest('application/vnd.module.wasm.content.layer.v1+wasm', Buffer.from('something else'));

let server: Server;
let host = '';
const seen: { path: string; authorization: string | undefined }[] = [];

function answer({ url = '', headers }: IncomingMessage): readonly [number, Buffer, Readonly<Record<string, string>>?] {
  seen.push({ path: url, authorization: headers.authorization });
  const files: Readonly<Record<string, Buffer>> = {
    '/module.wasm': module,
    '/text': Buffer.from('no module'),
    '/v2/mill/plain/manifests/v1': plainManifest,
    '/v2/mill/archive/manifests/v1': archived,
    '/v2/mill/lying/manifests/v1': lying,
    '/v2/mill/private/manifests/v1': plainManifest,
  };
  if (url.startsWith('/token')) return [200, Buffer.from('{"token":"secret-token"}')];
  if (url.includes('/private/') && headers.authorization !== 'Bearer secret-token')
    return [
      401,
      Buffer.from(''),
      { 'www-authenticate': `Bearer realm="http://${host}/token",service="s",scope="pull"` },
    ];
  const blob = /\/v2\/mill\/(\w+)\/blobs\//.exec(url)?.[1];
  const file = blob === undefined ? files[url] : blob === 'archive' ? archive : module;
  return file === undefined ? [404, Buffer.from('')] : [200, file];
}

beforeAll(async () => {
  server = createServer((request, response) => {
    const [status, body, headers = {}] = answer(request);
    response.writeHead(status, headers).end(body);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

const source = (url: string, more: Partial<ModuleSource> = {}): ModuleSource => ({
  url,
  sha256: '',
  pullSecret: '',
  revision: '',
  ...more,
});
const open = { isAllowed: () => true, plainRegistries: true };
const get = (asked: ModuleSource, options: object = open, credentials?: { username: string; password: string }) =>
  fetchModule(asked, () => credentials, options, new AbortController().signal);

describe('a module', () => {
  it('comes from a web server', async () => {
    const { sha256, bytes } = await get(source(`http://${host}/module.wasm`, { sha256: digestOf(module) }));
    expect([sha256, bytes.equals(module)]).toEqual([digestOf(module), true]);
  });

  it.each(['plain', 'archive'])('comes out of an image (%s)', async (name) => {
    const { bytes } = await get(source(`oci://${host}/mill/${name}:v1`));
    expect(bytes.equals(module)).toBe(true);
  });

  it.each([
    ['another digest', () => source(`http://${host}/module.wasm`, { sha256: '0'.repeat(64) }), /digest/],
    ['another image', () => source(`oci://${host}/mill/plain:v1`, { sha256: '0'.repeat(64) }), /digest/],
    ['no module', () => source(`http://${host}/text`), /no WebAssembly module/],
    ['nothing', () => source(`http://${host}/gone`), /404/],
    ['a layer that is not what it should be', () => source(`oci://${host}/mill/lying:v1`), /not what its digest says/],
    ['no image', () => source('oci://a b'), /not the name of an image/],
    ['no credentials', () => source(`oci://${host}/mill/private:v2`), /404|does not let us|credentials/],
  ])('is refused: %s', async (_title, asked, reason) => {
    await expect(get(asked())).rejects.toThrow(reason);
  });

  it('is not fetched from this machine', async () => {
    await expect(get(source(`http://${host}/module.wasm`), {})).rejects.toThrow(/not fetched from/);
  });

  it('of a private image takes a token, which the credentials are for', async () => {
    seen.length = 0;
    await get(source(`oci://${host}/mill/private:v1`), open, { username: 'u', password: 'p' });
    const basic = `Basic ${Buffer.from('u:p').toString('base64')}`;
    expect(seen.filter(({ authorization }) => authorization === basic).map(({ path }) => path.split('?')[0])).toEqual([
      '/token',
    ]);
  });
});

it.each([
  ['oci://registry.example/mill/flour:1.2', 'registry.example', 'mill/flour', '1.2'],
  ['oci://localhost:5000/flour', 'localhost:5000', 'flour', 'latest'],
  ['oci://mill/flour', 'registry-1.docker.io', 'mill/flour', 'latest'],
  ['oci://flour:2', 'registry-1.docker.io', 'library/flour', '2'],
])('%s is an image', (url, registry, repository, version) =>
  expect(imageReference(url)).toEqual({ registry, repository, version }),
);

it('is kept as long as an object names it, and its faults are told', async () => {
  const plugin = (path: string) => `
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: { name: flour, namespace: mill }
spec: { url: "http://${host}${path}" }
`;
  let changes = 0;
  const watcher = new ModuleWatcher({
    ...open,
    onChange: () => changes++,
    after: () => () => {},
  });
  watcher.follow(snapshotOf(plugin('/module.wasm')));
  expect([...watcher.modules.states.values()]).toEqual([{ kind: 'pending' }]);
  await watcher.settled();
  expect([...watcher.modules.states.values()]).toEqual([{ kind: 'ready', sha256: digestOf(module), bytes: module }]);
  watcher.follow(snapshotOf(plugin('/text')));
  await watcher.settled();
  expect([
    [...watcher.modules.states.values()].map(({ kind }) => kind),
    watcher.problems().map(({ code }) => code),
    changes,
  ]).toEqual([['unavailable'], ['module-unavailable'], 2]);
  watcher.stop();
});
