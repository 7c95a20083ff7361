// Bundles the console into dist/console: one script, one style sheet, and the page, with nothing from the network.
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const source = join(root, 'src/console');
const out = join(root, 'dist/console');

await mkdir(out, { recursive: true });
await build({
  entryPoints: { console: join(source, 'main.tsx'), style: join(source, 'style/index.css') },
  outdir: out,
  entryNames: 'console',
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'eof',
  tsconfig: join(source, 'tsconfig.json'),
  jsx: 'automatic',
  jsxImportSource: 'preact',
  logLevel: 'warning',
});
for (const file of ['index.html', 'icon.svg']) await cp(join(source, file), join(out, file));
