// Command lines that were written for istiod.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';

import { readIstiodFlags } from '../../src/cli/serve/istiod-flags.ts';
import { unheededVariables } from '../../src/config.ts';

const own = new Set(['h', 'config', 'http-address', 'json']);
const read = (line: string, lenient = true) => readIstiodFlags(line.split(' ').filter(Boolean), own, lenient);

describe("istiod's flags", () => {
  test('are read as ours, whichever way their values are written', () => {
    expect(
      read('--httpAddr=:8080 --secureGRPCAddr :15012 --log_output_level=default:warn,ads:debug --configDir d'),
    ).toEqual({
      argv: ['--http-address=0.0.0.0:8080', '--xds-address=0.0.0.0:15012', '--log-level=warn', '--config=d'],
      warnings: [],
    });
    expect(read('--keepaliveMaxServerConnectionAge 30m --domain cluster.local --log_as_json')).toEqual({
      argv: ['--connection-age=30m', '--json'],
      warnings: [],
    });
    expect(read('--httpAddr= --log_as_json=false').argv).toEqual(['--http-address=off']);
  });

  test('that mean nothing here are told, with why, and take their values along', () => {
    const { argv, warnings } = read(
      '--tlsKeyFile key.pem --meshConfig /etc/mesh --http-address=a:1 --vklog --config x',
      false,
    );
    expect(argv).toEqual(['--http-address=a:1', '--config', 'x']);
    expect(warnings.map((line) => line.split(' ')[0])).toEqual(['--tlsKeyFile', '--meshConfig', '--vklog']);
    expect(warnings[1]).toContain('ConfigMap istio');
  });

  test('that nobody knows are errors of ours, but none of istiod', () => {
    expect(read('--confg x', false)).toEqual({ argv: ['--confg', 'x'], warnings: [] });
    expect(read('--confg x -n istio-system', true)).toMatchObject({
      argv: [],
      warnings: [expect.stringContaining('--confg'), expect.stringContaining('-n')],
    });
  });

  test('leave what is no flag alone', () => {
    expect(read('-h --config -- --constructor', false).argv).toEqual(['-h', '--config', '--', '--constructor']);
  });
});

describe("istiod's variables", () => {
  afterEach(() => vi.unstubAllEnvs());

  test('that mean nothing here are named; those of Services are none', () => {
    vi.stubEnv('PILOT_ENABLE_SOMETHING', 'true');
    vi.stubEnv('PILOT_CERT_PROVIDER', 'istiod');
    vi.stubEnv('PILOT_TRACE_SAMPLING', '1');
    vi.stubEnv('ISTIOD_SERVICE_HOST', '10.0.0.1');
    vi.stubEnv('ISTIO_INGRESSGATEWAY_PORT_443_TCP_ADDR', '10.0.0.1');
    expect(unheededVariables()).toEqual(['PILOT_ENABLE_SOMETHING']);
  });

  test('that are read are not told to mean nothing', () => {
    const text = readFileSync(join(import.meta.dirname, '../../src/config.ts'), 'utf8');
    const names = [...text.matchAll(/process\.env\['((?:PILOT|ISTIO|ISTIOD|CITADEL|UNSAFE)_\w+)'\]/g)].map(
      ([, name = '']) => name,
    );
    expect(names.length).toBeGreaterThan(3);
    for (const name of names) vi.stubEnv(name, 'something');
    expect(unheededVariables()).toEqual([]);
  });
});
