import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keelson } from '../../src/cli/keelson.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'validate-'));
  const gateway = (servers: string) =>
    `apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata:\n  name: edge\n  namespace: infra\nspec:\n  servers: ${servers}\n`;
  await writeFile(join(folder, 'good.yaml'), 'apiVersion: v1\nkind: Namespace\nmetadata: {name: infra}\n');
  await writeFile(
    join(folder, 'idle.yaml'),
    `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: own, namespace: infra}
spec:
  workloadSelector: {labels: {app: web}}
  ingress: [{port: {number: 443, name: https, protocol: HTTPS}, defaultEndpoint: 127.0.0.1:80, tls: {mode: SIMPLE, privateKey: /key.pem, serverCertificate: /cert.pem}}]
`,
  );
  await writeFile(join(folder, 'bad.yaml'), gateway('[]'));
  await writeFile(join(folder, 'odd.yaml'), 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\n');
});
afterAll(() => rm(folder, { recursive: true }));

async function run(...args: string[]) {
  const out = { code: 0, stdout: '', stderr: '' };
  out.code = await keelson(['validate', ...args], {
    stdout: (text) => void (out.stdout += text),
    stderr: (text) => void (out.stderr += text),
  });
  return out;
}

describe('keelson validate', () => {
  test('good files', async () => {
    expect(await run(join(folder, 'good.yaml'))).toEqual({
      code: 0,
      stdout: '',
      stderr: '1 objects in force, 0 errors, 0 warnings\n',
    });
  });

  test('warnings alone are fine', async () => {
    const { code, stdout } = await run(join(folder, 'odd.yaml'));
    expect(code).toBe(0);
    expect(stdout).toMatch(/odd\.yaml:1:1 +warning +Deployment app +apps\/v1 Deployment is not read/);
  });

  test('a field that changes nothing by default', async () => {
    const { code, stdout } = await run(join(folder, 'idle.yaml'));
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /idle\.yaml:1:1 +warning +Sidecar infra\/own +spec\.ingress\[0\]\.tls +tls is not supported unless ENABLE_TLS_ON_SIDECAR_INGRESS/,
    );
  });

  test('errors, with file, line, object and field', async () => {
    const { code, stdout } = await run(join(folder, 'bad.yaml'));
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /bad\.yaml:7:3 +error +Gateway infra\/edge +spec\.servers +a Gateway needs at least one server/,
    );
  });

  test('as JSON', async () => {
    const { code, stdout } = await run('--json', join(folder, 'bad.yaml'));
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual([
      {
        code: 'required-field',
        severity: 'error',
        file: join(folder, 'bad.yaml'),
        line: 7,
        column: 3,
        object: { kind: 'Gateway', namespace: 'infra', name: 'edge' },
        field: 'spec.servers',
        message: expect.stringContaining('at least one server') as string,
      },
    ]);
  });

  test('wrong use', async () => {
    expect((await run()).code).toBe(2);
    expect((await run('--nonsense')).code).toBe(2);
    expect(await run('--help')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Checks files/) as string });
  });
});
