// The log's level as `istioctl admin log` asks for it and changes it.
import type { LogSwitch } from '../../src/cli/serve/log.ts';

import { afterAll, beforeEach, expect, test } from 'vitest';

import { controlzServer } from '../../src/admin/controlz.ts';
import { levelSwitch } from '../../src/cli/serve/log.ts';
import { readIstiodFlags } from '../../src/cli/serve/istiod-flags.ts';

const told: LogSwitch = { most: 'info' };
const server = controlzServer(levelSwitch(told), (fault) => expect.unreachable(String(fault)));
const port = server.listen('127.0.0.1:0');
beforeEach(() => void (told.most = 'info'));
afterAll(() => server.close());

const scopes = async (path = '/scopej/', options: RequestInit = {}): Promise<Response> =>
  fetch(`http://127.0.0.1:${await port}${path}`, options);

/** As the client writes it, which joins its base and the scope with one slash more. */
const put = (scope: string, fields: object): Promise<Response> =>
  scopes(`/scopej//${scope}`, { method: 'PUT', body: JSON.stringify({ name: scope, ...fields }) });

test('lists one scope, and shows it by its name', async () => {
  const scope = { name: 'default', output_level: 'info', stack_trace_level: 'none', log_callers: false };
  expect(await (await scopes()).json()).toMatchObject([scope]);
  expect(await (await scopes('/scopej')).json()).toMatchObject([scope]);
  expect(await (await scopes('/scopej/default')).json()).toMatchObject(scope);
  expect((await scopes('/scopej/ads')).status).toBe(404);
});

test('takes levels as istiod names them, and answers 202 as the client expects', async () => {
  expect((await put('default', { output_level: 'warn' })).status).toBe(202);
  expect(told.most).toBe('warn');
  expect((await put('default', { output_level: 'debug' })).status).toBe(202);
  expect(told.most).toBe('info');
  expect((await put('default', { stack_trace_level: 'error' })).status).toBe(202);
  expect((await put('default', { output_level: 'loud' })).status).toBe(400);
  expect((await put('ads', { output_level: 'warn' })).status).toBe(404);
  expect(told.most).toBe('info');
});

test('nobody else may: not another site in a browser of this machine', async () => {
  const foreign = await scopes('/scopej/', { headers: { 'sec-fetch-site': 'cross-site' } });
  expect(foreign.status).toBe(403);
});

test("has istiod's flags", () => {
  const read = (argv: readonly string[]) => readIstiodFlags(argv, new Set(['controlz-address']), false).argv;
  expect(read(['--ctrlz_port=9999'])).toEqual(['--controlz-address=127.0.0.1:9999']);
  expect(read(['--ctrlz_port', '0'])).toEqual(['--controlz-address=off']);
});
