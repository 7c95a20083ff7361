// A running `keelson serve` over a directory of YAML, and the bootstrap of a proxy that talks to it.
import type { RunningProcess } from '../../../scripts/process.ts';

import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { parse } from 'yaml';

import { startProcess, waitUntil } from '../../../scripts/process.ts';
import { bootstrap } from '../../../src/cli/bootstrap.ts';

export interface Installation {
  readonly config: string;
  readonly state: string;
  readonly port: number;
}

/** Resolves once the xDS port accepts connections. */
export async function startKeelson({ config, state, port }: Installation): Promise<RunningProcess> {
  const keelson = fileURLToPath(new URL('../../../src/cli/keelson.ts', import.meta.url));
  const args = [
    keelson,
    'serve',
    '--config',
    config,
    '--state',
    state,
    '--xds-address',
    `127.0.0.1:${port}`,
    '--monitoring-address',
    'off',
  ];
  const daemon = startProcess('keelson serve', process.execPath, args);
  await waitUntil(daemon, 'listening', () => accepts(port)).catch(async (error: unknown) => {
    await daemon.stop();
    throw error;
  });
  return daemon;
}

/** Writes `out` for the proxy `pod.namespace` and reads the bootstrap back. */
export async function writeBootstrap(at: Installation, proxy: string, out: string): Promise<object> {
  const said: string[] = [];
  const io = { stdout: () => {}, stderr: (text: string) => said.push(text) };
  const where = ['--config', at.config, '--state', at.state, '--server', `127.0.0.1:${at.port}`];
  const code = await bootstrap(['--proxy', proxy, ...where, '--out', out], io);
  if (code !== 0) throw new Error(said.join(''));
  return parse(await readFile(join(out, 'envoy.yaml'), 'utf8')) as object;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
