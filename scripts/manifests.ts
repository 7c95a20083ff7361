// Writes what is handed out in manifests/ anew. A test says when that has been forgotten.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { customResourceDefinitions } from '../src/manifests/crd/definitions.ts';
import { printObjects } from '../src/manifests/yaml.ts';

writeFileSync(
  join(import.meta.dirname, '..', 'manifests', 'crds.yaml'),
  `# Made by scripts/manifests.ts from the schemas in src/model/schema.\n${printObjects(customResourceDefinitions())}`,
);
