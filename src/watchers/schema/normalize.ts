// An object as it was written, made into what its schema talks about: nulls are "not set", and fields that an open
// message does not list are left out, so that a change in a field nobody reads is no change.
// Unknown fields of strict messages stay: the schema then refuses them by name.

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: boolean | SchemaNode;
  readonly items?: SchemaNode;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
}

export const deepest = 64;
export const mostNodes = 500_000;

/** The number of values in `raw`, or a reason why it is not looked at. */
export function measure(raw: unknown): { readonly nodes: number } | { readonly reason: string } {
  let nodes = 0;
  const tooDeep = (value: unknown, depth: number): boolean => {
    if (depth > deepest) return true;
    if (++nodes > mostNodes || typeof value !== 'object' || value === null) return false;
    return Object.values(value).some((child) => nodes <= mostNodes && tooDeep(child, depth + 1));
  };
  if (tooDeep(raw, 0)) return { reason: `nested more than ${deepest} levels deep` };
  return nodes > mostNodes ? { reason: `has more than ${mostNodes} values` } : { nodes };
}

/** A copy of `value` (known not to be deep) without nulls and without what `schema` leaves out. */
export function normalize(value: unknown, schema: SchemaNode, strict?: 'drop unknown fields'): unknown {
  if (Array.isArray(value)) return value.map((item) => normalize(item, schema.items ?? {}, strict));
  if (typeof value !== 'object' || value === null || schema['x-kubernetes-preserve-unknown-fields']) return value;
  const entries = Object.entries(value).flatMap(([key, child]): [string, unknown][] => {
    if (child === null) return [];
    const childSchema = fieldSchema(schema, key);
    if (childSchema !== undefined) return [[key, normalize(child, childSchema, strict)]];
    const keeps = schema.properties === undefined || (schema.additionalProperties === false && strict === undefined);
    return keeps ? [[key, child]] : [];
  });
  return Object.fromEntries(entries);
}

function fieldSchema(schema: SchemaNode, key: string): SchemaNode | undefined {
  if (schema.properties && Object.hasOwn(schema.properties, key)) return schema.properties[key];
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}
