import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { keelson } from '../../src/cli/keelson.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'serve-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function serve(...args: readonly string[]): Promise<{ readonly code: number; readonly stderr: string }> {
  let stderr = '';
  const io = { stdout: () => {}, stderr: (text: string) => void (stderr += text) };
  const code = await keelson(['serve', '--state', join(directory, 'state'), ...args], io);
  return { code, stderr };
}

describe('keelson serve that cannot start says why and ends', () => {
  it('without a configuration', async () => {
    const stderr = expect.stringContaining('no cluster to read, and no --config') as string;
    expect(await serve('--kubeconfig', '/nowhere/kubeconfig')).toMatchObject({ code: 1, stderr });
  });

  it('with a directory that is not there', async () => {
    const { code, stderr } = await serve('--config', join(directory, 'nowhere'));
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/the directory .*nowhere cannot be read/) as string,
    });
  });

  it('with an address that somebody else has', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    const { code, stderr } = await serve('--config', directory, '--xds-address', address);
    other.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`cannot listen on ${address}: .*EADDRINUSE`));
  });
});
