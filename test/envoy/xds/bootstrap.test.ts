// The bootstraps that Keelson writes, judged by the Envoy that is to read them.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { bootstrap } from '../../../src/cli/bootstrap.ts';
import { validateBootstrap } from '../../support/mesh/envoy.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'keelson-bootstrap-'));
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'crane-7', namespace: 'harbour', labels: { app: 'crane' } },
    spec: { containers: [{ name: 'app' }] },
    status: { podIP: '10.1.0.7' },
  };
  await writeFile(join(directory, 'pod.yaml'), JSON.stringify(pod));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function run(...argv: readonly string[]): Promise<string> {
  const written = { stdout: '', stderr: '' };
  const code = await bootstrap(argv, {
    stdout: (text) => (written.stdout += text),
    stderr: (text) => (written.stderr += text),
  });
  expect({ code, stderr: written.stderr }).toEqual({ code: 0, stderr: '' });
  return written.stdout;
}

const proxy = () => ['--proxy', 'crane-7.harbour', '--config', join(directory, 'pod.yaml')];
const written = (...more: readonly string[]) =>
  run(...proxy(), '--state', join(directory, 'state'), '--out', join(directory, 'out'), ...more);

/** In a file, with the directory that a Pod mounts replaced by one that is here. */
async function printed(...argv: readonly string[]): Promise<string> {
  await written();
  const file = join(directory, 'printed.yaml');
  await writeFile(file, (await run(...argv)).replaceAll('/etc/keelson', join(directory, 'out')));
  return file;
}

describe('a real Envoy accepts', { timeout: 120_000 }, () => {
  test('the bootstrap with its credentials', async () => {
    await written('--server', '127.0.0.1:15012');
    expect(await validateBootstrap(join(directory, 'out', 'envoy.yaml'))).toBe('');
  });

  test('the one with a status port and a control plane found by DNS', async () => {
    await written('--server', 'localhost:15012', '--status-port', '15021');
    expect(await validateBootstrap(join(directory, 'out', 'envoy.yaml'))).toBe('');
  });

  test('the printed one, which has its node', async () => {
    expect(await validateBootstrap(await printed(...proxy()))).toBe('');
  });

  test('the printed one without a node, which the command line adds', async () => {
    const flags = ['--service-node', 'sidecar~10.1.0.7~a.b~b.svc.cluster.local', '--service-cluster', 'a.b'];
    expect(await validateBootstrap(await printed(), flags)).toBe('');
  });
});

test('a field that Envoy does not know is refused: the check can fail', { timeout: 120_000 }, async () => {
  await written();
  const file = join(directory, 'out', 'envoy.yaml');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('skip_envoy_headers', 'skip_all_headers'));
  expect(await validateBootstrap(file)).toMatch(/skip_all_headers/);
});
