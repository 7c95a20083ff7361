// Expressions of Helm in the place of values: the objects of an install are made with them as with any values, printed as
// YAML, and then what marks an expression becomes the template's text.
// https://helm.sh/docs/chart_template_guide/getting_started/
import { printObject } from '../yaml.ts';

/** What is printed in the place of an expression: it survives YAML as it stands, whatever the expression has in it. */
const mark = (form: Form, expression: string): string =>
  `⟦${form}:${Buffer.from(expression).toString('base64url')}⟧`;

type Form = keyof typeof forms;

interface Place {
  readonly indent: string;
  /** `key:` or `-` before the expression; empty for an expression instead of a key. */
  readonly before: string;
  readonly expression: string;
}

const forms = {
  /** A number or a truth value. */
  scalar: ({ indent, before, expression }: Place) => `${indent}${before} {{ ${expression} }}`,
  /** A text of several lines. */
  text: ({ indent, before, expression }: Place) =>
    `${indent}${before} |-\n{{ ${expression} | trim | indent ${indent.length + 2} }}`,
  /** A field that is left out when it is empty. */
  optional: ({ indent, before, expression }: Place) =>
    [
      `{{- with ${expression} }}`,
      `${indent}${before}`,
      `{{ toYaml . | indent ${indent.length + 2} }}`,
      `{{- end }}`,
    ].join('\n'),
  /** All fields of a map, or all items of a list, beside others. */
  spread: ({ indent, expression }: Place) =>
    `{{- with ${expression} }}\n{{ toYaml . | indent ${indent.length} }}\n{{- end }}`,
  /** A map as a list of `name` and `value`. */
  variables: ({ indent, expression }: Place) =>
    [
      `{{- range $name, $value := ${expression} }}`,
      `${indent}- name: {{ $name }}`,
      `${indent}  value: {{ $value | quote }}`,
      `{{- end }}`,
    ].join('\n'),
  /** A list of names as a list of references, left out when it is empty. */
  references: ({ indent, before, expression }: Place) =>
    [
      `{{- with ${expression} }}`,
      `${indent}${before}`,
      `{{- range . }}`,
      `${indent}  - name: {{ . }}`,
      `{{- end }}`,
      `{{- end }}`,
    ].join('\n'),
} as const;

export const scalar = (expression: string) => mark('scalar', expression) as unknown as number;
export const text = (expression: string): string => mark('text', expression);
export const optional = (expression: string): string => mark('optional', expression);
export const references = (expression: string): string => mark('references', expression);
export const variables = (expression: string) => mark('variables', expression) as unknown as object;
export const spreadItems = (expression: string): string => mark('spread', expression);
export const spread = (expression: string): Readonly<Record<string, string>> => ({ [mark('spread', expression)]: '' });

const marked = /^( *)(.*?)"?⟦(\w+):([\w-]*)⟧"?(?:: ""|: '')?$/;

/** Objects with expressions in them as the text of a template. */
export function template(objects: readonly object[]): string {
  return objects.map((object) => printObject(object).split('\n').map(expanded).join('\n')).join('---\n');
}

function expanded(line: string): string {
  const [, indent = '', before = '', form, encoded = ''] = marked.exec(line) ?? [];
  if (form === undefined) return line;
  const expression = Buffer.from(encoded, 'base64url').toString();
  return forms[form as Form]({ indent, before: before.trimEnd(), expression });
}
