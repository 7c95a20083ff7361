// The CustomResourceDefinitions as they are handed out.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';

import { customResourceDefinitions } from '../../src/manifests/crd/definitions.ts';
import { kindRows } from '../../src/watchers/kinds.ts';

interface Definition {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string; readonly plural: string };
    readonly versions: readonly { readonly name: string; readonly served: boolean; readonly storage: boolean }[];
  };
}
const definitions = customResourceDefinitions() as readonly Definition[];
const keywords = (node: unknown): readonly string[] =>
  typeof node === 'object' && node !== null ? [...Object.keys(node), ...Object.values(node).flatMap(keywords)] : [];

describe('custom resource definitions', () => {
  test('exist for every kind of Istio that is read, and serve each version of it', () => {
    const served = definitions.map(({ spec }) => [spec.group, spec.names.kind, spec.names.plural, spec.versions.map(({ name }) => name)]);
    const read = kindRows
      .filter(({ group }) => group.endsWith('.istio.io') || group === 'policy.keelson.io')
      .map(({ group, objectKind, plural, versions }) => [group, objectKind, plural, versions]);
    expect(new Set(served.map(String))).toEqual(new Set(read.map(String)));
  });

  test('store one version each', () => {
    for (const { metadata, spec } of definitions)
      expect([metadata.name, spec.versions.filter(({ storage }) => storage).length]).toEqual([metadata.name, 1]);
  });

  test('say only what a structural schema may', () => {
    const schemas = JSON.parse(JSON.stringify(definitions.map(({ spec }) => spec.versions))) as unknown;
    const used = new Set(keywords(schemas));
    for (const keyword of ['$ref', 'anyOf', 'const', '~kind', '~optional']) expect(used).not.toContain(keyword);
    expect(JSON.stringify(schemas)).not.toContain('"additionalProperties":false');
  });

  test('fit into the annotation that kubectl apply keeps of them', () => {
    for (const each of definitions) expect(JSON.stringify(each).length).toBeLessThan(256 * 1024);
  });

  test('stand in manifests/crds.yaml as they are now (make manifests)', () => {
    const file = readFileSync(join(import.meta.dirname, '../../manifests/crds.yaml'), 'utf8');
    expect(parseAllDocuments(file).map((document): unknown => document.toJSON())).toEqual(JSON.parse(JSON.stringify(definitions)));
  });
});
