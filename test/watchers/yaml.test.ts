import { describe, expect, test } from 'vitest';
import { readYaml } from '../../src/watchers/yaml/yaml.ts';

function read(text: string) {
  const result = readYaml(text, 'f.yaml');
  return 'documents' in result ? result.documents.map(({ raw }) => raw) : result.problem;
}

describe('documents', () => {
  test('several, and empty ones are none', () => {
    expect(read('---\na: 1\n---\n---\n# nothing\n---\nb: [x, "y"]\n')).toEqual([{ a: 1 }, { b: ['x', 'y'] }]);
    expect(read('')).toEqual([]);
  });

  test('JSON, with tabs', () => {
    expect(read('{\n\t"a": [\n\t\t1,\n\t\tnull\n\t]\n}\n')).toEqual([{ a: [1, null] }]);
  });

  test('know their lines', () => {
    const result = readYaml('# one\na:\n- b: 1\n  "c d": 2\n---\nx: {y: 3}\n', 'f.yaml');
    const [first, second] = 'documents' in result ? result.documents : [];
    expect(first?.locate(['a', 0, 'c d'])).toEqual({ file: 'f.yaml', line: 4, column: 3 });
    expect(first?.locate(['a', 0, 'gone', 'deeper'])).toEqual({ file: 'f.yaml', line: 3, column: 3 });
    expect(second?.position).toEqual({ file: 'f.yaml', line: 6, column: 1 });
    expect(second?.locate(['x', 'y'])).toEqual({ file: 'f.yaml', line: 6, column: 5 });
  });
});

describe('mistakes have a line', () => {
  test.each([
    ['a: [1, 2\nb: 3\n', 2],
    ['a: 1\na: 2\n', 2],
    ['a: 1\n b: 2\n', 1],
    ['a: *gone\n', 1],
    ['? [1, 2]\n: 3\n', 1],
    ['a: "x\n', 2],
    ['a:\n  - 1\n  b: 2\n', 3],
  ])('%j', (text, line) => {
    expect(read(text)).toMatchObject({ code: 'invalid-yaml', severity: 'error', position: { file: 'f.yaml', line } });
  });
});

describe('anchors and merges', () => {
  test('stand for their values', () => {
    expect(read('a: &x {k: 1, l: 2}\nb: *x\nc: {<<: *x, l: 3}\n')).toEqual([
      { a: { k: 1, l: 2 }, b: { k: 1, l: 2 }, c: { k: 1, l: 3 } },
    ]);
  });

  test('an alias to what contains it', () => {
    expect(read('a: &x [*x]\n')).toMatchObject({ code: 'invalid-yaml' });
  });

  test('a key named __proto__ is a key', () => {
    const [raw] = read('__proto__: {polluted: true}\n') as readonly object[];
    expect(Object.keys(raw ?? {})).toEqual(['__proto__']);
    expect((raw as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

describe('limits', () => {
  /** Each level is ten times the one before: written out it would be 10^20 values. */
  const bomb = (line: (name: string, before: string) => string): string =>
    Array.from({ length: 20 }, (_, level) => line(`a${level + 1}`, `a${level}`)).join('');

  test('aliases of aliases stay small in memory', () => {
    const text = `a0: &a0 x\n${bomb((name, before) => `${name}: &${name} [${Array(10).fill(`*${before}`).join()}]\n`)}`;
    const [raw] = read(text) as readonly Record<string, readonly unknown[]>[];
    expect(raw?.['a20']).toHaveLength(10);
    expect(raw?.['a20']?.[0]).toBe(raw?.['a19']);
  });

  test('merges of merges stay small too', () => {
    const text = `a0: &a0 {k: 1}\n${bomb((name, before) => `${name}: &${name} {<<: [*${before}, *${before}], ${name}: 1}\n`)}`;
    const [raw] = read(text) as readonly Record<string, object>[];
    expect(Object.keys(raw?.['a20'] ?? {})).toHaveLength(21);
  });

  test('many merges of a large map', () => {
    const large = `a: &a {${Array.from({ length: 10_000 }, (_, index) => `k${index}: 1`).join()}}\n`;
    expect(read(`${large}b: [${Array(100).fill('{<<: *a}').join()}]\n`)).toMatchObject({
      message: expect.stringMatching(/merged/),
    });
  });

  test.each([
    ['brackets', '['.repeat(100_000)],
    ['braces', '{a: '.repeat(100_000)],
    ['dashes', '- '.repeat(100_000)],
    ['question marks', '? '.repeat(100_000)],
    ['indentation', Array.from({ length: 2500 }, (_, level) => `${' '.repeat(level)}a:\n`).join('')],
  ])('deep nesting by %s', (_title, text) => {
    const result = read(text);
    if (Array.isArray(result)) expect(JSON.stringify(result).length).toBeGreaterThan(2500);
    else expect(result).toMatchObject({ code: 'invalid-yaml' });
  });

  test('64 brackets are fine, 65 are not', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(read(nested(64))).toHaveLength(1);
    expect(read(nested(65))).toMatchObject({ message: 'nested more than 64 levels deep' });
    expect(read('- '.repeat(65))).toMatchObject({ message: 'nested more than 64 levels deep' });
  });

  test('more than 10,000 documents', () => {
    expect(read('--- {a: 1}\n'.repeat(10_001))).toMatchObject({ code: 'invalid-yaml' });
  });

  test('a map of 100,000 keys is read in one go', () => {
    const text = Array.from({ length: 100_000 }, (_, index) => `key${index}: ${index}\n`).join('');
    expect(Object.keys((read(text) as readonly object[])[0] ?? {})).toHaveLength(100_000);
  });
});
