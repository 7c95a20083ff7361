// A listener that a stock Envoy refuses, on the way with which policies have changed: the new ones are in force all the same,
// and where they cannot be, nobody comes in.
import { get } from 'node:http';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { freePort } from '../../../scripts/ports.ts';
import type { Resource } from '../../../src/model/envoy/resource.ts';
import type { MessageOf } from '../../../src/xds/generated/messages.ts';
import { substitutes } from '../../../src/translate/refused/substitutes.ts';
import type { Envoy } from '../../support/mesh/envoy.ts';
import { startEnvoy } from '../../support/mesh/envoy.ts';
import type { GuardedApp } from '../../support/mesh/guarded-app.ts';
import { startGuardedApp } from '../../support/mesh/guarded-app.ts';
import { yaml } from '../../support/mesh/lab.ts';
import { configuration, startMesh } from '../../xds/mesh.ts';
import { adsBootstrap } from '../xds/ads-bootstrap.ts';
import { answering, listener, url } from '../xds/messages.ts';

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});
const eventually = { timeout: 10_000, interval: 100 };

const security = (kind: string, spec: object): object => ({
  apiVersion: 'security.istio.io/v1',
  kind,
  metadata: { name: 'gate', namespace: 'lab' },
  spec: { selector: { matchLabels: { app: 'gate' } }, ...spec },
});
const deny = (path: string): object =>
  security('AuthorizationPolicy', { action: 'DENY', rules: [{ to: [{ operation: { paths: [path] } }] }] });
/** Envoy compiles the script, and refuses the listener. */
const brokenScript = {
  apiVersion: 'networking.istio.io/v1alpha3',
  kind: 'EnvoyFilter',
  metadata: { name: 'script', namespace: 'lab' },
  spec: {
    workloadSelector: { labels: { app: 'gate' } },
    configPatches: [
      {
        applyTo: 'HTTP_FILTER',
        match: { context: 'SIDECAR_INBOUND' },
        patch: {
          operation: 'INSERT_FIRST',
          value: {
            name: 'script',
            typed_config: {
              '@type': url('envoy.extensions.filters.http.lua.v3.Lua'),
              default_source_code: { inline_string: 'function envoy_on_request(' },
            },
          },
        },
      },
    ],
  },
};

describe('a patch that Envoy refuses, together with policies', { timeout: 60_000 }, () => {
  let gate: GuardedApp;
  beforeAll(async () => {
    gate = await startGuardedApp();
  }, 120_000);
  afterAll(() => gate?.stop());
  const status = async (path: string, from?: 'guard'): Promise<number> =>
    (await gate.call({ path, ...(from !== undefined && { from }) })).status;

  test('keeps what worked, with the new policies', async () => {
    expect(await status('/secret')).toBe(200);
    await gate.mesh.change('both.yaml', yaml(deny('/secret'), brokenScript));
    await expect.poll(() => gate.mesh.daemon.rejections().length, eventually).toBeGreaterThan(0);
    await expect.poll(() => status('/secret'), eventually).toBe(403);
    expect(await status('/open')).toBe(200);
    // Again: no circle of sending and refusing, and the next change of policies counts too.
    await gate.mesh.change('both.yaml', yaml(deny('/other'), brokenScript));
    await expect.poll(() => status('/other'), eventually).toBe(403);
    expect(await status('/secret')).toBe(200);
    const refused = gate.mesh.envoys.get('gate')?.nacks().length ?? 0;
    await gate.mesh.settled();
    expect(gate.mesh.envoys.get('gate')?.nacks().length).toBe(refused);
    expect(gate.mesh.complaints.join('\n')).toContain('the last good version with the new policies');

    await gate.mesh.change('both.yaml', undefined);
    await expect.poll(() => status('/other'), eventually).toBe(200);
  });

  test('asks for mutual TLS where it is asked for from now on', async () => {
    expect(await status('/')).toBe(200);
    await gate.mesh.change(
      'both.yaml',
      yaml(security('PeerAuthentication', { mtls: { mode: 'STRICT' } }), brokenScript),
    );
    await expect.poll(() => status('/').catch(() => 0), eventually).not.toBe(200);
    expect(await status('/', 'guard')).toBe(200);
    await gate.mesh.change('both.yaml', undefined);
    await expect.poll(() => status('/').catch(() => 0), eventually).toBe(200);
  });
});

describe('policies that Envoy itself refuses', { timeout: 60_000 }, () => {
  type Rbac = MessageOf['envoy.config.rbac.v3.RBAC'];
  const rbac = (path: string): object => {
    const permission = { url_path: { path: { safe_regex: { regex: path } } } };
    const rules: Rbac = {
      action: 'DENY',
      policies: { p: { permissions: [permission], principals: [{ any: true }] } },
    };
    const type = url('envoy.extensions.filters.http.rbac.v3.RBAC');
    return { name: 'envoy.filters.http.rbac', typed_config: { '@type': type, rules } };
  };
  const router = { name: 'router', typed_config: { '@type': url('envoy.extensions.filters.http.router.v3.Router') } };
  const page = { name: 'all', virtual_hosts: [answering('hello')] };
  const world = (front: number, paths: readonly string[], more: object = {}): Resource =>
    listener('front', front, {
      stat_prefix: 'front',
      route_config: page,
      http_filters: [...paths.map(rbac), router],
      ...more,
    });

  async function start(initial: Resource): Promise<readonly [Awaited<ReturnType<typeof startMesh>>, Envoy]> {
    const mesh = await startMesh(configuration({ listener: [initial] }), { substitutes });
    open.push(() => mesh.close());
    const envoy = await startEnvoy({ bootstrap: adsBootstrap({ port: mesh.port, dialect: 'DELTA_GRPC' }) });
    open.push(() => envoy.stop());
    return [mesh, envoy];
  }
  /** Connections that are there keep what they were accepted under. */
  const ask = (port: number, path = '/'): Promise<number> =>
    new Promise((resolve) => {
      get({ host: '127.0.0.1', port, path, agent: false }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      }).once('error', () => resolve(0));
    });

  test('let nobody in, until they can be read', async () => {
    const front = await freePort();
    const [mesh] = await start(world(front, ['/a']));
    await expect.poll(() => ask(front), eventually).toBe(200);
    await mesh.change(configuration({ listener: [world(front, ['(', '/a'])] }));
    await expect.poll(() => ask(front), eventually).toBe(403);
    const [first] = mesh.server.rejections();
    expect(first?.instead).toContain('letting nobody in');
    await mesh.change(configuration({ listener: [world(front, ['/b'])] }));
    await expect.poll(() => ask(front), eventually).toBe(200);
    expect(await ask(front, '/b')).toBe(403);
    expect(mesh.server.rejections()).toEqual([]);
  });

  test('a change of something else leaves the last good version alone', async () => {
    const front = await freePort();
    const [mesh] = await start(world(front, ['/a']));
    await expect.poll(() => ask(front), eventually).toBe(200);
    const refused = {
      access_log: [
        {
          name: 'file',
          typed_config: {
            '@type': url('envoy.extensions.access_loggers.file.v3.FileAccessLog'),
            path: '/no/such/folder/log',
          },
        },
      ],
    };
    await mesh.change(configuration({ listener: [world(front, ['/a'], refused)] }));
    await expect.poll(() => mesh.server.rejections().length, eventually).toBe(1);
    expect([await ask(front), await ask(front, '/a')]).toEqual([200, 403]);
    expect(mesh.server.rejections()[0]?.instead).toBeUndefined();
  });

  test('a proxy without a good version has the new one without patches, unless these may have kept somebody out', async () => {
    const [front, guarded] = [await freePort(), await freePort()];
    const unpatched = world(front, ['/a']);
    const merged: Resource = {
      ...world(front, ['/a'], { server_name: 'x', max_request_headers_kb: 100_000 }),
      unpatched,
    };
    const [mesh] = await start(merged);
    await expect.poll(() => ask(front, '/a'), eventually).toBe(403);
    expect(mesh.server.rejections()[0]?.instead).toContain('without the patches');

    const added: Resource = { ...world(guarded, ['(']), unpatched: world(guarded, []) };
    const [strict] = await start(added);
    await expect.poll(() => strict.server.rejections().length, eventually).toBe(1);
    // It has the filter already, by name.
    expect(await ask(guarded)).toBe(0);
  });
});
