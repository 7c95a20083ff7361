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

const sources = globSync('src/**/*.ts', { cwd: root })
  .filter((file) => !file.includes('generated'))
  .map((file) => readFileSync(join(root, file), 'utf8'));

test('every code has a page', () => {
  const codes = sources.flatMap((text) =>
    written.flatMap((pattern) => [...text.matchAll(pattern)].map(([, code]) => code ?? '')),
  );
  expect(codes.length).toBeGreaterThan(20);
  expect([...new Set(codes)].filter((code) => !pages.includes(code))).toEqual([]);
});

test('every page has a code, says what happens and what to do', () => {
  const pagesWithout = pages.filter((page) => !sources.some((text) => text.includes(`'${page}'`)));
  expect(pagesWithout).toEqual([]);
  const incomplete = pages.filter((page) => {
    const text = readFileSync(join(root, 'docs/problems', `${page}.md`), 'utf8');
    return ![`Code: \`${page}\``, '**What happens:**', '**What to do:**'].every((part) => text.includes(part));
  });
  expect(incomplete).toEqual([]);
});

test('the index names every page', () => {
  const index = readFileSync(join(root, 'docs/problems/README.md'), 'utf8');
  expect(pages.filter((page) => !index.includes(`(${page}.md)`))).toEqual([]);
});
