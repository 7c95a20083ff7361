// The suggestion made from a real Envoy's counters, and applied: what was used goes on, and nothing else is there.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';

import { keelson } from '../../../src/cli/keelson.ts';
import type { Lab } from '../../support/mesh/lab.ts';
import { startLab, yaml } from '../../support/mesh/lab.ts';

const workloads = ['cart-v1', 'mail-v1', 'price-v1', 'stock-v1'];
const host = (service: string): string => `${service}.lab.svc.cluster.local`;

async function suggest({ mesh }: Lab) {
  const out = { code: 0, stdout: '', stderr: '' };
  const admin = `http://127.0.0.1:${mesh.envoys.get('caller')?.adminPort}`;
  const args = ['--config', mesh.config, '--proxy', 'caller.lab', '--suggest-sidecar', '--admin', admin];
  out.code = await keelson(['explain', ...args], {
    stdout: (text) => void (out.stdout += text),
    stderr: (text) => void (out.stderr += text),
  });
  return out;
}

interface Named {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

/** As `kubectl apply` would. */
async function apply({ mesh }: Lab, text: string): Promise<void> {
  const objects = (source: string): Named[] => parseAllDocuments(source).map((each) => each.toJS() as Named);
  const [suggested] = objects(text);
  if (suggested === undefined) throw new Error('nothing was suggested');
  const others = objects(await readFile(join(mesh.config, 'lab.yaml'), 'utf8')).filter(
    ({ kind, metadata }) => kind !== 'Sidecar' || metadata.name !== suggested.metadata.name,
  );
  await mesh.change('lab.yaml', yaml(...others, suggested));
}

async function held({ mesh }: Lab): Promise<readonly string[]> {
  const answer = await mesh.envoys.get('caller')?.admin('/clusters?format=json');
  const { cluster_statuses: clusters } = JSON.parse(answer ?? '') as { cluster_statuses: readonly { name: string }[] };
  return clusters.flatMap(({ name }) => (name.startsWith('outbound|') ? [name.split('|')[3] ?? ''] : [])).toSorted();
}

const statusOf = async (lab: Lab, service: string): Promise<number> => (await lab.call(service)).status;

describe.each([
  ['full', {}],
  ['lazy', { labels: { 'keelson.io/lazy': 'true' } }],
])('a proxy with %s configuration that used two services of four', (kind, caller) => {
  test('keeps these two', async () => {
    const lab = await startLab({ workloads, caller });
    try {
      expect((await suggest(lab)).stderr).toContain('has used no service yet');
      for (const service of ['cart', 'stock', 'stock']) expect(await statusOf(lab, service)).toBe(200);
      const { code, stdout, stderr } = await suggest(lab);
      expect(code).toBe(0);
      expect(stderr).toMatch(/^stock\.lab\.svc\.cluster\.local +2 +\d+$/m);
      expect(stderr).toContain('2 of 4 services in sight remain');
      expect(await held(lab)).toEqual(
        (kind === 'full' ? ['cart', 'mail', 'price', 'stock'] : ['cart', 'stock']).map(host),
      );

      await apply(lab, stdout);
      expect(await held(lab)).toEqual(['cart', 'stock'].map(host));
      for (const service of ['cart', 'stock']) expect(await statusOf(lab, service)).toBe(200);
      expect(lab.mesh.envoys.get('caller')?.nacks()).toEqual([]);
      expect(lab.mesh.complaints).toEqual([]);
      const again = await suggest(lab);
      expect([again.stdout, again.code]).toEqual([stdout, 0]);
      expect(again.stderr).toContain('2 of 2 services in sight remain');
    } finally {
      await lab.stop();
    }
  }, 90_000);
});
