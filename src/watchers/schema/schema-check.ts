// Validation of an object against its kind's schema, by ajv in strict mode, with errors said in sentences.
// https://ajv.js.org/strict-mode.html
import type { ErrorObject, ValidateFunction } from 'ajv';
import type { Draft } from '../draft.ts';
import type { FieldPath } from '../field-path.ts';
import { Ajv } from 'ajv';
import { invariant } from '../../model/invariant.ts';
import { atLeastOneMillisecond } from '../../model/schema/fields.ts';
import { parseDuration } from '../../model/duration.ts';
import { suggestion } from './suggest.ts';

export type SchemaCheck = (value: unknown, nodes: number) => readonly Draft[];

/** Beyond this many values only the first error is told: a list of a million errors helps nobody. */
const nodesForAllErrors = 20_000;
const mostDrafts = 50;

const first = makeAjv(false);
const all = makeAjv(true);

/** A check of values against `schema`, compiled on first use. `secret` keeps values out of messages. */
export function schemaCheck(schema: object, secret = false): SchemaCheck {
  let quick: ValidateFunction | undefined;
  let full: ValidateFunction | undefined;
  return (value, nodes) => {
    quick ??= first.compile(schema);
    if (quick(value)) return [];
    const validate = nodes > nodesForAllErrors ? quick : (full ??= all.compile(schema));
    validate(value);
    return sentences(validate.errors ?? [], value, secret);
  };
}

function makeAjv(allErrors: boolean): Ajv {
  const ajv = new Ajv({ strict: true, strictTypes: false, allErrors, verbose: true, ownProperties: true });
  ajv.addFormat('duration', (text: string) => parseDuration(text) !== undefined);
  ajv.addFormat('double', { type: 'number', validate: () => true });
  ajv.addVocabulary(['x-kubernetes-int-or-string', 'x-kubernetes-preserve-unknown-fields']);
  ajv.addKeyword({
    keyword: 'x-kubernetes-validations',
    schemaType: 'array',
    compile: (rules: readonly { rule: string; message: string }[]) => {
      const checks = rules.map(({ rule }) => predicates[rule]);
      invariant(!checks.includes(undefined), `no implementation of the validation rules ${JSON.stringify(rules)}`);
      return (value: unknown) => checks.every((check) => check?.(value));
    },
  });
  return ajv;
}

/** The CEL rules of our schemas, in our language. What is no duration is reported as such already. */
const predicates: Readonly<Record<string, (value: unknown) => boolean>> = {
  [atLeastOneMillisecond]: (value) => typeof value !== 'string' || (parseDuration(value) ?? 1) >= 1,
};

function sentences(errors: readonly ErrorObject[], root: unknown, secret: boolean): readonly Draft[] {
  const drafts = errors.filter((error) => !isBranch(error)).map((error) => toDraft(error, root, secret));
  return drafts.length <= mostDrafts
    ? drafts
    : [
        ...drafts.slice(0, mostDrafts),
        { code: 'more-problems', severity: 'error', path: [], message: `${drafts.length - mostDrafts} more problems` },
      ];
}

/** The failed branches of an anyOf: the anyOf itself tells more. */
const isBranch = (error: ErrorObject): boolean => error.schemaPath.includes('/anyOf/');

function toDraft(error: ErrorObject, root: unknown, secret: boolean): Draft {
  const path = pointerPath(error.instancePath, root);
  const shown = secret ? '' : `, not ${show(error.data)}`;
  const params = error.params as Readonly<Record<string, unknown>>;
  const draft = (code: string, message: string, at: FieldPath = path): Draft => ({
    code,
    severity: 'error',
    path: at,
    message,
  });
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownField(error, path, String(params['additionalProperty']));
    case 'required':
      return draft('required-field', `the field "${String(params['missingProperty'])}" is required`);
    case 'type':
      return draft('wrong-type', `must be ${typeName(String(params['type']))}${shown}`);
    case 'anyOf':
      return draft('wrong-type', `must be a number or a text${shown}`);
    case 'enum':
      return draft('unsupported-value', enumMessage(error, params['allowedValues'] as readonly string[]));
    case 'x-kubernetes-validations':
      return draft('invalid-value', `${ruleMessage(error)}${shown}`);
    case 'format':
      return draft('invalid-value', `must be a ${String(params['format'])} such as 1.5s or 1h30m${shown}`);
    default:
      return draft('invalid-value', `${error.message ?? 'is not valid'}${shown}`);
  }
}

const ruleMessage = (error: ErrorObject): string =>
  (error.schema as readonly { message: string }[]).map(({ message }) => message).join(', ');

function unknownField(error: ErrorObject, path: FieldPath, name: string): Draft {
  const known = Object.keys((error.parentSchema as { properties?: object } | undefined)?.properties ?? {});
  return {
    code: 'unknown-field',
    severity: 'error',
    path: [...path, name],
    message: `there is no such field here${suggestion(name, known)}`,
  };
}

function enumMessage(error: ErrorObject, allowed: readonly string[]): string {
  const value: unknown = error.data;
  const hint = typeof value === 'string' ? suggestion(value, allowed) : '';
  return `must be one of ${allowed.map((item) => item || '""').join(', ')}, not ${show(value)}${hint}`;
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object with fields',
};
const typeName = (type: string): string => typeNames[type] ?? type;

function show(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** `/spec/http/0` as a path: parts that index a list are numbers. */
function pointerPath(pointer: string, root: unknown): FieldPath {
  let value = root;
  return pointer
    .split('/')
    .slice(1)
    .map((escaped) => {
      const key = escaped.replaceAll('~1', '/').replaceAll('~0', '~');
      const part = Array.isArray(value) ? Number(key) : key;
      value = (value as Record<string | number, unknown> | undefined)?.[part];
      return part;
    });
}
