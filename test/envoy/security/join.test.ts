// A stock Envoy joins a running daemon with nothing but what `keelson bootstrap` wrote, and stays joined.
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';

import type { Installation } from '../../support/mesh/keelson.ts';

import { freePort } from '../../../scripts/ports.ts';
import { startEnvoy } from '../../support/mesh/envoy.ts';
import { startKeelson, writeBootstrap } from '../../support/mesh/keelson.ts';

type Stop = () => Promise<void>;

let installation: Installation;
let stops: Stop[];
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'keelson-join-'));
  installation = { config: join(directory, 'config'), state: join(directory, 'state'), port: await freePort() };
  stops = [];
  await mkdir(installation.config);
  await writeMesh('crane');
});

afterEach(async () => {
  for (const stop of stops.toReversed()) await stop();
  await rm(directory, { recursive: true, force: true });
});

/** One Pod whose proxy intercepts nothing, and services of these names. */
async function writeMesh(...services: readonly string[]): Promise<void> {
  const port = await freePort();
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'crane-7',
      namespace: 'harbour',
      labels: { app: 'crane' },
      annotations: { 'sidecar.istio.io/interceptionMode': 'NONE' },
    },
    spec: { containers: [{ name: 'app' }] },
    status: { podIP: '127.0.0.1' },
  };
  const objects = services.map((name) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'harbour' },
    spec: { selector: { app: name }, ports: [{ name: 'http', port }] },
  }));
  const text = [pod, ...objects].map((object) => stringify(object)).join('---\n');
  await writeFile(join(installation.config, 'mesh.yaml'), text);
}

async function daemon(): Promise<Stop> {
  const { stop } = await startKeelson(installation);
  stops.push(stop);
  return stop;
}

async function proxy(bootstrap: object, until: 'admin' | 'live') {
  const envoy = await startEnvoy({ bootstrap, until });
  stops.push(envoy.stop);
  const knows = (service: string) => async () => (await envoy.admin('/clusters')).includes(`||${service}.harbour.`);
  return { ...envoy, knows };
}

const write = () => writeBootstrap(installation, 'crane-7.harbour', join(directory, 'out'));

describe('a stock Envoy', { timeout: 180_000 }, () => {
  test('has its configuration, and each change of it, without refusing anything', async () => {
    await daemon();
    const envoy = await proxy(await write(), 'live');
    await envoy.eventually('the first service', envoy.knows('crane'));
    await writeMesh('crane', 'barge');
    await envoy.eventually('the service that was added', envoy.knows('barge'));
    expect(envoy.nacks()).toEqual([]);
  });

  test('is kept out with a wrong token, and let in once the file has a good one', async () => {
    await daemon();
    const bootstrap = await write();
    const token = join(directory, 'out', 'token');
    const good = await readFile(token, 'utf8');
    await writeFile(token, 'nonsense');
    const envoy = await proxy(bootstrap, 'admin');
    await envoy.eventually('the refusal', () => /xds-grpc closed: (7|16),/.test(envoy.log()));
    expect(await envoy.knows('crane')()).toBe(false);
    await writeFile(`${token}.new`, good);
    await rename(`${token}.new`, token);
    await envoy.eventually('configuration', envoy.knows('crane'));
  });

  test('does not talk to a control plane of another root', async () => {
    await daemon();
    const bootstrap = await write();
    const other = { ...installation, state: join(directory, 'other-state'), port: await freePort() };
    stops.push((await startKeelson(other)).stop);
    await writeBootstrap(other, 'crane-7.harbour', join(directory, 'other-out'));
    const root = join(directory, 'out', 'root-cert.pem');
    await writeFile(root, await readFile(join(directory, 'other-out', 'root-cert.pem')));
    const envoy = await proxy(bootstrap, 'admin');
    const failures = async () => [...(await envoy.stats('xds-grpc.ssl.fail_verify_error')).values()].some((n) => n > 0);
    await envoy.eventually('a refused certificate', failures);
    expect(await envoy.knows('crane')()).toBe(false);
  });

  test('comes back to a daemon that was away, and has what changed meanwhile', async () => {
    const stop = await daemon();
    const envoy = await proxy(await write(), 'live');
    await envoy.eventually('configuration', envoy.knows('crane'));
    await stop();
    await writeMesh('crane', 'barge');
    await daemon();
    await envoy.eventually('the service that was added', envoy.knows('barge'));
  });
});
