// Writes what is handed out in manifests/ anew: the definitions of the kinds, the plain install and the charts. A test says
// when that has been forgotten.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { chartFiles } from '../src/manifests/chart/chart.ts';
import { customResourceDefinitions } from '../src/manifests/crd/definitions.ts';
import { installObjects } from '../src/manifests/install.ts';
import { defaultValues } from '../src/manifests/values/values.ts';
import { printObjects } from '../src/manifests/yaml.ts';

const folder = join(import.meta.dirname, '..', 'manifests');
const note = '# Made by `make manifests`.\n';

function write(path: string, text: string): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

rmSync(join(folder, 'charts'), { recursive: true, force: true });
write('crds.yaml', note + printObjects(customResourceDefinitions()));
write('install.yaml', note + printObjects(installObjects(defaultValues, { crds: false })));
for (const [path, text] of chartFiles()) write(join('charts', path), text);
