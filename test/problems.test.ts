// Every code of a problem has a page for who meets it, and the index names all pages.
import { globSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const pages = readdirSync(join(root, 'docs/problems'))
  .filter((file) => file !== 'README.md')
  .map((file) => file.replace(/\.md$/, ''));

/** How sources write a code: as a field, or as the first argument of what makes a problem. */
const written = [
  /\bcode: '([a-z]+(?:-[a-z]+)+)'/g,
  /\b(?:draft|refuse|warning|drafts?Of)\(\s*'([a-z]+(?:-[a-z]+)+)'/g,
  /'([a-z]+(?:-[a-z]+)+)', '(?:error|warning)'\)/g,
];

test('every code has a page', () => {
  const sources = globSync('src/**/*.ts', { cwd: root }).filter((file) => !file.includes('generated'));
  const codes = sources.flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    return written.flatMap((pattern) => [...text.matchAll(pattern)].map(([, code]) => code ?? ''));
  });
  expect(codes.length).toBeGreaterThan(20);
  expect([...new Set(codes)].filter((code) => !pages.includes(code))).toEqual([]);
});

test('the index names every page', () => {
  const index = readFileSync(join(root, 'docs/problems/README.md'), 'utf8');
  expect(pages.filter((page) => !index.includes(`(${page}.md)`))).toEqual([]);
});
