// What becomes of traffic while the files change: broken ones, new services, and configuration that a stock Envoy refuses.
import type { Lab } from '../../support/mesh/lab.ts';

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startEnvoy } from '../../support/mesh/envoy.ts';
import { writeBootstrap } from '../../support/mesh/keelson.ts';
import { startLab, yaml } from '../../support/mesh/lab.ts';
import { waitFor } from '../../support/mesh/live-mesh.ts';
import { meshConfigMap } from '../../support/objects/mesh-config.ts';
import { versions, virtualService } from '../../support/objects/rules.ts';
import { repeat, tally, whoOf } from '../../support/mesh/traffic.ts';

let lab: Lab;
let scratch: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'keelson-later-'));
  lab = await startLab({ workloads: ['store-v1', 'store-v2'], files: { 'subsets.yaml': versions('store') } });
});
afterAll(async () => {
  await lab?.stop();
  await rm(scratch, { recursive: true, force: true });
});

const toVersion = (subset: string): string =>
  virtualService('store', `http: [{ route: [{ destination: { host: store, subset: ${subset} } }] }]`);
const seen = async () => tally((await repeat(20, () => lab.call('store'))).map(whoOf));

describe('a file that is broken', () => {
  test.each([
    ['no YAML', 'kind: [VirtualService', 'invalid-yaml'],
    ['a field that is not known', toVersion('v1').replace('  hosts:', '  hostz:'), 'unknown-field'],
    ['a value of the wrong type', toVersion('v1').replace('http: [', 'http: 7 # ['), undefined],
  ])('%s: traffic goes on as before, and the problem is reported until it is solved', async (_name, text, code) => {
    await lab.mesh.change('store.yaml', toVersion('v2'));
    await lab.mesh.change('store.yaml', text);
    expect(await seen()).toEqual({ 'store-v2': 20 });
    const problems = lab.mesh.daemon.problems().filter(({ severity }) => severity === 'error');
    expect(problems.length).toBeGreaterThan(0);
    expect(problems[0]?.position?.file).toMatch(/store\.yaml$/);
    if (code !== undefined) expect(problems.map((problem) => problem.code)).toContain(code);
    await lab.mesh.change('store.yaml', toVersion('v1'));
    expect(await seen()).toEqual({ 'store-v1': 20 });
    expect(lab.mesh.daemon.problems()).toEqual([]);
  });

  test('other files are read all the same', async () => {
    await lab.mesh.change('broken.yaml', ']');
    await lab.mesh.change('store.yaml', toVersion('v2'));
    expect(await seen()).toEqual({ 'store-v2': 20 });
    await lab.mesh.change('broken.yaml', undefined);
  });
});

test('a service that is added can be called, and one that is removed cannot', async () => {
  const depot = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'depot', namespace: 'lab' },
    spec: { selector: { app: 'store', version: 'v2' }, ports: [{ name: 'http', port: 18080 }] },
  };
  await lab.mesh.change('depot.yaml', yaml(depot));
  expect(whoOf(await lab.call('depot'))).toBe('store-v2');
  const active = async () => (await lab.mesh.envoys.get('caller')?.admin('/clusters'))?.includes('||depot.lab.');
  expect(await active()).toBe(true);
  await lab.mesh.change('depot.yaml', undefined);
  expect(await active()).toBe(false);
});

describe('configuration that Envoy refuses', () => {
  const meshConfig = (accessLogFile: string): string => yaml(meshConfigMap({ accessLogFile }));

  test('its last good version stays in force, for later proxies too, other changes go through, and the cause is named', async () => {
    await lab.mesh.change('store.yaml', toVersion('v1'));
    await lab.mesh.change('mesh.yaml', meshConfig('/there/is/no/such/folder/access.log'));
    await waitFor('the refusal', () => lab.mesh.daemon.rejections().length > 0);
    expect(await seen()).toEqual({ 'store-v1': 20 });

    const [rejection] = lab.mesh.daemon.rejections();
    expect(rejection?.type).toMatch(/Listener$/);
    expect(rejection?.error).toContain('unable to open file');
    expect(rejection?.nodes[0]).toContain('caller.lab');
    expect(rejection?.causes.map(({ kind, name }) => `${kind} ${name}`)).toContain('ConfigMap istio');

    await lab.mesh.change('store.yaml', toVersion('v2'));
    expect(await seen()).toEqual({ 'store-v2': 20 });

    // The same Pod's proxy, started anew: both listen, side by side.
    const { config, state, daemon } = lab.mesh;
    const bootstrap = await writeBootstrap({ config, state, port: daemon.port }, 'caller.lab', scratch);
    const later = await startEnvoy({ bootstrap });
    try {
      expect(await later.admin('/listeners')).toContain(`${lab.egress().host}:18080`);
      expect(later.nacks()).toEqual([]);
    } finally {
      await later.stop();
    }

    await lab.mesh.change('mesh.yaml', meshConfig('/dev/null'));
    expect(lab.mesh.daemon.rejections()).toEqual([]);
    expect(await seen()).toEqual({ 'store-v2': 20 });
    const dump = (await lab.mesh.envoys.get('caller')?.admin('/config_dump?resource=dynamic_listeners')) ?? '';
    expect(dump).toContain('/dev/null');
    expect(dump).not.toContain('no/such/folder');
  });
});
