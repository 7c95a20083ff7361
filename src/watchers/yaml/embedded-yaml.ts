// YAML inside a text field: the mesh's configuration in its ConfigMap. Unlike objects it may hold fields of versions
// to come: those are warned about and left out. Names may be written camelCase or snake_case, as protobuf's JSON
// mapping has it.
// https://protobuf.dev/programming-guides/json/#field-names
import type { Draft } from '../draft.ts';
import type { FieldPath } from '../field-path.ts';
import type { SchemaCheck } from '../schema/schema-check.ts';
import { formatPath } from '../field-path.ts';
import { measure, normalize } from '../schema/normalize.ts';
import { readYaml } from './yaml.ts';

interface Embedded {
  readonly value: unknown;
  readonly drafts: readonly Draft[];
}

export function readEmbedded(text: string, path: FieldPath, schema: object, check: SchemaCheck): Embedded {
  const fail = (message: string): Embedded => ({
    value: {},
    drafts: [{ code: 'invalid-yaml', severity: 'error', path, message }],
  });
  const yaml = readYaml(text, '');
  if ('problem' in yaml) return fail(yaml.problem.message);
  const raw = yaml.documents[0]?.raw ?? {};
  const size = measure(raw);
  if ('reason' in size) return fail(`the text ${size.reason}`);
  const value = normalize(camelCase(raw, schema), schema);
  const drafts = check(value, size.nodes).map((draft) => inText(draft, path));
  return { value: normalize(value, schema, 'drop unknown fields'), drafts };
}

/** The inner path goes into the message: the outer one leads to the text field. */
function inText(draft: Draft, path: FieldPath): Draft {
  const severity = draft.code === 'unknown-field' ? 'warning' : draft.severity;
  return { ...draft, severity, path, message: `${formatPath(draft.path)}: ${draft.message}` };
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: boolean | SchemaNode;
  readonly items?: SchemaNode;
}

/** `value` with the names of known fields in camelCase; `meshMTLS` is the one that is not just that. */
function camelCase(value: unknown, schema: SchemaNode): unknown {
  if (Array.isArray(value)) return value.map((item) => camelCase(item, schema.items ?? {}));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, child]): [string, unknown] => {
    const inner = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
    if (!schema.properties) return [key, inner ? camelCase(child, inner) : child];
    const name = key.replaceAll(/_([a-zA-Z])/g, (_match, letter: string) => letter.toUpperCase());
    const known = Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
    return known ? [name, camelCase(child, known)] : [key, child];
  });
  return Object.fromEntries(entries);
}
