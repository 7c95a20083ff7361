// Holds the import table of the architecture against the sources: which folder may import from which.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const source = join(root, 'src');

/** What each folder may import besides itself. `types:x` is an import of types only. To allow more, change this table and say why. */
const table: Readonly<Record<string, readonly string[]>> = {
  model: [],
  watchers: ['model', 'kubernetes'],
  translate: ['model', 'types:xds/generated'],
  xds: ['model'],
  ca: ['model'],
  kubernetes: ['model'],
  controllers: ['model', 'kubernetes'],
  bootstrap: ['model', 'translate/typed.ts', 'types:xds/generated'],
  interception: [],
  webhooks: ['model', 'watchers', 'bootstrap', 'interception'],
  admin: ['model', 'types:trace'],
  // For browsers: of the daemon it knows what is sent, and how sources are told.
  console: ['types:model', 'model/source.ts', 'types:admin/console/api.ts', 'types:trace'],
  metrics: ['model'],
  manifests: ['model', 'watchers'],
  cli: [
    'model',
    'watchers',
    'translate',
    'xds',
    'ca',
    'kubernetes',
    'controllers',
    'webhooks',
    'bootstrap',
    'interception',
    'admin',
    'manifests',
    'trace',
    'wasm',
    'main.ts',
    'config.ts',
    'daemon/authority',
    'daemon/mesh',
    'types:daemon/options.ts',
    'inspect',
  ],
  trace: ['model', 'types:xds/generated'],
  // The mesh as somebody sees it who only looks; commands and the daemon ask it the same.
  inspect: ['model', 'trace', 'translate', 'xds'],
  wasm: ['model', 'watchers'],
  'main.ts': ['model', 'translate', 'xds', 'admin', 'daemon'],
  conditions: ['model', 'watchers', 'translate/provenance.ts', 'types:controllers'],
  // The mesh as it is now: objects read, translated and judged. Features of the environment meet Envoy's messages here.
  'daemon/mesh': [
    'model',
    'watchers',
    'translate',
    'wasm',
    'xds',
    'webhooks',
    'config.ts',
    'inspect',
    'types:metrics',
    'types:kubernetes',
    'types:daemon/options.ts',
  ],
  'daemon/authority': [
    'model',
    'ca',
    'kubernetes',
    'controllers',
    'translate',
    'metrics',
    'config.ts',
    'daemon/mesh',
    'daemon/introspection',
    'types:daemon/options.ts',
  ],
  'daemon/cluster': [
    'model',
    'conditions',
    'ca',
    'kubernetes',
    'controllers',
    'translate',
    'watchers',
    'xds',
    // How a patch of a user's is laid over an object.
    'webhooks',
    'config.ts',
    'daemon/authority',
    'daemon/mesh',
    'types:daemon/options.ts',
  ],
  // What the daemon tells of itself. The questions that commands ask of files, asked of the daemon.
  'daemon/introspection': ['model', 'admin', 'ca', 'inspect', 'metrics', 'translate', 'watchers', 'xds', 'daemon/mesh'],
  // Joins the others.
  daemon: ['model', 'ca', 'watchers', 'xds', 'admin', 'config.ts', 'daemon', 'types:metrics', 'types:kubernetes'],
  'config.ts': ['model'],
};

/** Translation is pure: what it may not reach for, by package or by name. */
const impure = /\b(?:Date\.now|new Date|Math\.random|process\.|console\.|performance\.|setTimeout|setInterval|fetch\()/;

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

function sources(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !file.includes('generated'))
    .map((file) => join(folder, file));
}

function importsOf(text: string): readonly Import[] {
  const statements = text.matchAll(/^(?:import|export)\s(type\s)?[^;'"]*?\sfrom\s+['"]([^'"]+)['"]/gm);
  const dynamic = text.matchAll(/(?:\bimport\(\s*|^import\s+)['"]([^'"]+)['"]/gm);
  return [
    ...[...statements].map(([, type, specifier]) => ({ specifier: specifier ?? '', typeOnly: type !== undefined })),
    ...[...dynamic].map(([, specifier]) => ({ specifier: specifier ?? '', typeOnly: false })),
  ];
}

const isWithin = (path: string, place: string): boolean => path === place || path.startsWith(`${place}/`);

/** The row of the table that holds for a file. */
const rowOf = (file: string): string | undefined =>
  Object.keys(table).find((place) => isWithin(relative(source, file), place));

function isAllowed(file: string, { specifier, typeOnly }: Import): boolean {
  if (!specifier.startsWith('.')) return true;
  const target = resolve(dirname(file), specifier);
  const own = rowOf(file);
  if (own === rowOf(target)) return true;
  return (table[own ?? ''] ?? []).some((entry) => {
    const types = entry.startsWith('types:');
    const place = types ? entry.slice('types:'.length) : entry;
    return isWithin(relative(source, target), place) && (!types || typeOnly);
  });
}

describe('the architecture', () => {
  const files = sources(source);
  const rememberingAnywhere = new Set(
    files.flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/export const (\w+) = memo\w*\(/g)].flatMap(([, name]) => name ?? []),
    ),
  );

  it('has a row in the table for every folder', () => {
    expect(files.filter((file) => rowOf(file) === undefined).map((file) => relative(root, file))).toEqual([]);
  });

  it('keeps to the import table', () => {
    const breaches = files.flatMap((file) =>
      importsOf(readFileSync(file, 'utf8'))
        .filter((each) => !isAllowed(file, each))
        .map((each) => `${relative(root, file)} imports ${each.specifier}`),
    );
    expect(breaches).toEqual([]);
  });

  it('keeps translation pure: no node modules, no packages, no clock, no I/O, no random', () => {
    const breaches = sources(join(source, 'translate')).flatMap((file) => {
      const text = readFileSync(file, 'utf8');
      const foreign = importsOf(text)
        .filter(({ specifier }) => !specifier.startsWith('.'))
        .map(({ specifier }) => specifier);
      return [...foreign, ...(impure.exec(text) ?? [])].map((what) => `${relative(root, file)} uses ${what}`);
    });
    expect(breaches).toEqual([]);
  });

  // Of the index and the list it would think that they are arguments, and remember nothing.
  it('hands nothing that remembers to a method of a list as it is', () => {
    const breaches = files.flatMap((file) => {
      const text = readFileSync(file, 'utf8');
      const remembering = [...text.matchAll(/(?:const|export const) (\w+) = memo\w*\(/g)].map(([, name]) => name);
      const imported = [...text.matchAll(/import \{([^}]*)\}/g)].flatMap(([, names = '']) => names.split(/[\s,]+/));
      const known = new Set([...remembering, ...imported.filter((name) => rememberingAnywhere.has(name))]);
      return [...text.matchAll(/\.(?:map|flatMap|filter|some|every|find|findLast|findIndex|forEach)\((\w+)\)/g)]
        .filter(([, name]) => known.has(name))
        .map(([call]) => `${relative(root, file)}: ${call}`);
    });
    expect(breaches).toEqual([]);
  });

  // What it remembers stands in its arguments, and would never be forgotten.
  it('makes what remembers once, and not again and again', () => {
    const made = files.flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/^ {4,}.*\bmemo(?:Each|Pairs|Triples|Last|Aligned)?\(.*/gm)].map(
        ([line]) => `${relative(root, file)}: ${line.trim()}`,
      ),
    );
    expect(made).toEqual([]);
  });

  it('reads the environment in one place', () => {
    const readers = files
      .filter((file) => /\bprocess\.env\b/.test(readFileSync(file, 'utf8')))
      .map((file) => relative(root, file));
    expect(readers.filter((file) => file !== 'src/config.ts')).toEqual([]);
  });

  it('keeps files short enough to read at one sitting', () => {
    const long = files
      .map((file) => [relative(root, file), readFileSync(file, 'utf8').split('\n').length - 1] as const)
      .filter(([, lines]) => lines > 300);
    expect(long).toEqual([]);
  });
});
