// Bundles the console into dist/console: one script, one style sheet, the page, and what to do about each problem, with nothing
// from the network.
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
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
await writeFile(join(out, 'problems.json'), JSON.stringify(await remedies(join(root, 'docs/problems'))));

/** What happens and what to do, by the code of the problem. */
async function remedies(folder: string): Promise<Readonly<Record<string, string>>> {
  const pages = (await readdir(folder)).filter((file) => file.endsWith('.md') && file !== 'README.md');
  const texts = pages.map(async (file) => {
    const text = await readFile(join(folder, file), 'utf8');
    return [file.replace(/\.md$/, ''), text.slice(text.indexOf('**What happens:**'))] as const;
  });
  return Object.fromEntries(await Promise.all(texts));
}
