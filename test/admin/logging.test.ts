// The log's level, changed while the daemon runs.
import type { ControlPlane } from '../../src/admin/control-plane.ts';
import type { LogSwitch } from '../../src/cli/serve/log.ts';

import { afterEach, expect, test } from 'vitest';

import { monitoringServer } from '../../src/admin/http.ts';
import { levelSwitch, lineLog } from '../../src/cli/serve/log.ts';

const told: LogSwitch = { most: 'info' };
const plane = { systemNamespaces: ['istio-system'] } as unknown as ControlPlane;
const server = monitoringServer(plane, {
  guarded: true,
  logLevel: levelSwitch(told),
  onFault: () => {},
});
const port = server.listen('127.0.0.1:0');
afterEach(() => (told.most = 'info'));

const ask = async (path: string, method: 'GET' | 'POST' = 'POST') => {
  const response = await fetch(`http://127.0.0.1:${await port}${path}`, { method });
  return [response.status, (await response.text()).trim()];
};

test('is shown and changed, and lines above it are no longer told', async () => {
  const lines: string[] = [];
  const log = lineLog(
    { stderr: (text: string) => lines.push(text) } as unknown as Parameters<typeof lineLog>[0],
    true,
    told,
  );
  expect(await ask('/logging', 'GET')).toEqual([200, 'info']);
  log.info('before');
  expect(await ask('/logging?level=warn')).toEqual([200, 'warn']);
  log.info('after');
  log.warn('still');
  expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual(['before', 'still']);
});

test('nothing else is taken for a level', async () => {
  expect((await ask('/logging?level=loud'))[0]).toBe(400);
  expect((await ask('/logging'))[0]).toBe(400);
  expect(await ask('/logging', 'GET')).toEqual([200, 'info']);
});
