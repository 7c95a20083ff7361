// Defaults as an API server fills them in: where a field is missing from an object that is there, the schema's own value stands.
// Objects from files have not been through a server.
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting
import { memo } from '../../model/memo.ts';

interface SchemaNode {
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: boolean | SchemaNode;
  readonly items?: SchemaNode;
}

/** `value` (known not to be deep) with the defaults of `schema`; itself where the schema has none. */
export function withSchemaDefaults(value: unknown, schema: SchemaNode): unknown {
  if (!hasDefaults(schema) || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => withSchemaDefaults(item, schema.items ?? {}));
  const given = value as Readonly<Record<string, unknown>>;
  const known = Object.entries(schema.properties ?? {}).flatMap(([name, field]): [string, unknown][] => {
    const present = Object.hasOwn(given, name) ? given[name] : field.default;
    return present === undefined ? [] : [[name, withSchemaDefaults(present, field)]];
  });
  const more = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {};
  const others = Object.entries(given)
    .filter(([name]) => schema.properties === undefined || !Object.hasOwn(schema.properties, name))
    .map(([name, child]): [string, unknown] => [name, withSchemaDefaults(child, more)]);
  return Object.fromEntries([...known, ...others]);
}

/** Whether the schema or one below it has a default. */
const hasDefaults = memo((schema: SchemaNode): boolean => {
  const children = [...Object.values(schema.properties ?? {}), schema.items, schema.additionalProperties];
  return children.some((child) => typeof child === 'object' && (child.default !== undefined || hasDefaults(child)));
});
