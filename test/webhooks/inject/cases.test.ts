// Pods and what becomes of them, as files to look at: cases/NAME.yaml goes in, cases/NAME.injected.yaml comes out.
// `vitest run test/webhooks/inject -u` writes the results again.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';

import { bootstrapPatchesOf } from '../../../src/daemon/mesh/bootstrap-patching.ts';
import { injectPod } from '../../../src/webhooks/inject/inject-pod.ts';
import type { Json } from '../../../src/webhooks/inject/pod/pod.ts';
import { readPod } from '../../../src/webhooks/inject/pod/pod.ts';
import { injectionSettings } from '../../../src/webhooks/inject/source.ts';
import { snapshotOf } from '../../support/objects/snapshot.ts';
import { place, settingsWith } from './settings.ts';

const folder = join(import.meta.dirname, 'cases');
const names = readdirSync(folder)
  .filter((file) => !file.endsWith('.injected.yaml'))
  .map((file) => file.replace('.yaml', ''));

function injected(name: string): object {
  const documents = parseAllDocuments(readFileSync(join(folder, `${name}.yaml`), 'utf8')).map(
    (each) => each.toJS() as Json,
  );
  const pod = documents.find(({ kind }) => kind === 'Pod');
  const others = documents.filter((each) => each !== pod).map((each) => `---\n${stringify(each)}`);
  const { nodes, mesh, bootstrapPatches: _, ...installed } = settingsWith();
  const read = readPod(pod);
  if ('fault' in read) throw new Error(read.fault);
  return injectPod(read.pod, place, {
    ...injectionSettings({ ...installed, patchesOf: bootstrapPatchesOf }, snapshotOf(others.join(''))),
    nodes,
    mesh,
  });
}

test.each(names)('%s', async (name) => {
  const result = stringify(injected(name), { aliasDuplicateObjects: false, lineWidth: 0 });
  await expect(result).toMatchFileSnapshot(join(folder, `${name}.injected.yaml`));
});
