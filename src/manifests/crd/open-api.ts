// The schema that our objects are checked by, as a structural OpenAPI v3 schema: what a CustomResourceDefinition may say.
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
import type { CelRule } from './cel-rules.ts';
import { celRules } from './cel-rules.ts';

interface Node {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node;
  readonly additionalProperties?: boolean | Node;
  readonly [keyword: string]: unknown;
}

/** Keywords that mean the same there. A duration's own rule stands for its format, which the API server reads otherwise. */
const kept = [
  'type',
  'enum',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'pattern',
  'required',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-int-or-string',
] as const;

/** Unknown fields need no word: the API server prunes them, or refuses them where the client asks it to be strict. */
export function openApi(schema: object, further: readonly CelRule[] = []): object {
  const node = schema as Node;
  const { properties, items, additionalProperties } = node;
  const own = (node['x-kubernetes-validations'] ?? []) as readonly CelRule[];
  const rules = [...own, ...celRules(node), ...further];
  return {
    ...Object.fromEntries(kept.flatMap((keyword) => (keyword in node ? [[keyword, node[keyword]]] : []))),
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, field]) => [name, openApi(field)]),
      ),
    }),
    ...(items && { items: openApi(items) }),
    ...(typeof additionalProperties === 'object' && { additionalProperties: openApi(additionalProperties) }),
    ...(rules.length > 0 && { 'x-kubernetes-validations': rules }),
  };
}
