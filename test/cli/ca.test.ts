import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRoot } from '../../src/ca/authority.ts';
import { begin } from '../../src/ca/root/root-rotation.ts';
import { rotationRequest, saveAuthority } from '../../src/ca/store/storage.ts';
import { keelson } from '../../src/cli/keelson.ts';

let state: string;
beforeEach(async () => (state = await mkdtemp(join(tmpdir(), 'keelson-ca-'))));
afterEach(() => rm(state, { recursive: true }));

async function run(...argv: readonly string[]) {
  const said = { stdout: '', stderr: '' };
  const write = (to: keyof typeof said) => (text: string) => void (said[to] += text);
  const code = await keelson(['ca', ...argv, '--state', state], { stdout: write('stdout'), stderr: write('stderr') });
  return { code, ...said };
}

async function signer(origin: 'own' | 'plugged' = 'own') {
  const root = await createRoot('cluster.local', Date.now(), 3600_000);
  return { ...root, intermediates: [], roots: [root.certificate], origin, outstandingUntil: 0 };
}

async function ran(stage: 'settled' | 'distributing') {
  const settled = { stage: 'settled', signer: await signer(), bridge: [] } as const;
  const at = stage === 'settled' ? settled : begin(settled, await signer(), [])!;
  await saveAuthority(state, { state: at, since: Date.now(), waiting: stage === 'settled' ? [] : ['web-1.shop'] });
}

test('tells the stage, whom it waits for, and every root, and nothing of a key', async () => {
  await ran('distributing');
  const { code, stdout } = await run('status');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^distributing since .*, own\n {2}waits for web-1\.shop\n/);
  expect(stdout.match(/^trusted /gm)).toHaveLength(2);
  expect(stdout).toMatch(/^signs .*O=cluster\.local, CN=Keelson root .* 9\d%$/m);
  const json = (await run('status', '--json')).stdout;
  expect(JSON.parse(json)).toMatchObject({ stage: 'distributing', waiting: ['web-1.shop'], roots: [{}, {}] });
  expect(stdout + json).not.toContain('PRIVATE KEY');
});

test('asks for a rotation, which status tells until it is taken up', async () => {
  await ran('settled');
  expect((await run('rotate')).code).toBe(0);
  expect(await rotationRequest(state)).toBeDefined();
  expect((await run('status')).stdout).toContain('a new root is asked for');
});

test('does not ask for one while another is under way', async () => {
  await ran('distributing');
  const { code, stderr } = await run('rotate');
  expect([code, await rotationRequest(state)]).toEqual([1, undefined]);
  expect(stderr).toContain('a rotation is under way');
});

test('a directory without a daemon’s state is told, and so is wrong use', async () => {
  expect(await run('status')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('not the state of a daemon') as string,
  });
  for (const wrong of [[], ['rotat'], ['rotate', 'now']]) expect((await run(...wrong)).code).toBe(2);
});
