// The golden cases: folders of test/golden with an input.yaml whose first line says what is to be printed:
// `# golden: <pod>.<namespace> <clusters|endpoints|extensions|listeners|routes>...`
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../../golden');

export interface GoldenCase {
  readonly name: string;
  readonly folder: string;
  readonly input: string;
  readonly proxy: string;
  readonly types: readonly string[];
}

export const goldenCases: readonly GoldenCase[] = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('input.yaml'))
  .toSorted()
  .map((file) => {
    const input = join(root, file);
    const [proxy = '', ...types] = /^# golden: (.*)$/m.exec(readFileSync(input, 'utf8'))?.[1]?.split(' ') ?? [];
    return { name: relative(root, dirname(input)), folder: dirname(input), input, proxy, types };
  });
