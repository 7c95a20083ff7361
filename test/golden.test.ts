// Golden cases: what a proxy is sent for a small input, printed from the bytes that would go over the wire, so that
// anything the encoder lost shows as missing. `make golden` writes them anew; read the difference before you commit it.
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { keelson } from '../src/cli/keelson.ts';
import { goldenCases } from './support/objects/golden-cases.ts';

async function printed(input: string, proxy: string): Promise<Readonly<Record<string, unknown>>> {
  let stdout = '';
  let stderr = '';
  const code = await keelson(['xds', '--config', input, '--proxy', proxy], {
    stdout: (text) => (stdout += text),
    stderr: (text) => (stderr += text),
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return Object.values(JSON.parse(stdout) as Record<string, Record<string, unknown>>)[0] ?? {};
}

describe.each(goldenCases)('$name', ({ folder, input, proxy, types }) => {
  it('is sent as printed', async () => {
    const output = await printed(input, proxy);
    for (const type of types) {
      await expect(stringify(output[type], { lineWidth: 0 })).toMatchFileSnapshot(
        join(folder, 'expected', `${proxy}.${type}.yaml`),
      );
    }
  });

  it('has no stale files', () => {
    const expected = new Set(types.map((type) => `${proxy}.${type}.yaml`));
    expect(
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .map((file) => basename(file))
        .filter((file) => file !== 'input.yaml' && file !== 'expected' && !expected.has(file)),
    ).toEqual([]);
  });
});
