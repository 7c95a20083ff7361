// The words that kind schemas are written in: thin makers over TypeBox whose result is at once a JSON schema (for
// ajv), a structural OpenAPI schema (for the CRD manifest) and a readonly TypeScript type. A message's fields are
// optional unless named in `required`, as in proto3.
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
import Type, { type TUnsafe } from 'typebox';

export type Schema<T = unknown> = TUnsafe<T>;
/** The TypeScript type of a schema made here. */
export type Static<S> = S extends TUnsafe<infer T> ? T : never;
type Fields = Readonly<Record<string, Schema>>;
export type Message<F, R extends keyof F> = { readonly [K in R]: Static<F[K]> } & {
  readonly [K in Exclude<keyof F, R>]?: Static<F[K]>;
};
type Limits = Readonly<Record<string, unknown>>;

const leaf = <T>(json: Limits): Schema<T> => Type.Unsafe<T>(json);

export const string = leaf<string>({ type: 'string' });
export const boolean = leaf<boolean>({ type: 'boolean' });
export const double = leaf<number>({ type: 'number', format: 'double' });
export const int32 = leaf<number>({ type: 'integer', minimum: -2147483648, maximum: 2147483647 });
export const uint32 = leaf<number>({ type: 'integer', minimum: 0, maximum: 4294967295 });
export const int64 = leaf<number>({ type: 'integer' });
/** A port number, where 0 may stand for "not set". */
export const port = leaf<number>({ type: 'integer', minimum: 0, maximum: 65535 });
export const positivePort = leaf<number>({ type: 'integer', minimum: 1, maximum: 65535 });
/** A port by number or by name. */
export const intOrString = leaf<number | string>({
  'x-kubernetes-int-or-string': true,
  anyOf: [{ type: 'integer' }, { type: 'string' }],
});
/** Free-form JSON object, kept as it is. */
export const struct = leaf<Readonly<Record<string, unknown>>>({
  type: 'object',
  'x-kubernetes-preserve-unknown-fields': true,
});
/** A duration as Go reads it: `1.5s`, `1h30m`. */
export const anyDuration = leaf<string>({ type: 'string', format: 'duration' });
export const atLeastOneMillisecond = "duration(self) >= duration('1ms')";
/** A duration of at least one millisecond. */
export const duration = leaf<string>({
  type: 'string',
  format: 'duration',
  'x-kubernetes-validations': [{ rule: atLeastOneMillisecond, message: 'must be a duration of at least 1ms' }],
});

export const text = (limits: Limits): Schema<string> => leaf({ type: 'string', ...limits });
export const integer = (minimum: number, maximum: number): Schema<number> =>
  leaf({ type: 'integer', minimum, maximum });
export const number = (limits: Limits): Schema<number> => leaf({ type: 'number', ...limits });
export const oneOf = <const V extends readonly string[]>(...values: V): Schema<V[number]> =>
  leaf({ type: 'string', enum: values });
export const list = <T>(items: Schema<T>, limits: Limits = {}): Schema<readonly T[]> =>
  leaf({ type: 'array', items, ...limits });
export const map = <T>(values: Schema<T>, limits: Limits = {}): Schema<Readonly<Record<string, T>>> =>
  leaf({ type: 'object', additionalProperties: values, ...limits });

/** What the API server writes where the field is missing. */
export const withDefault = <T>(schema: Schema<T>, value: T): Schema<T> => leaf({ ...schema, default: value });

/** A message that refuses fields it does not know: Istio's own kinds. */
export const message = <const F extends Fields, R extends keyof F & string = never>(
  fields: F,
  required: readonly R[] = [],
  limits: Limits = {},
): Schema<Message<F, R>> => leaf(shape(fields, required, { additionalProperties: false, ...limits }));

/** A message of which we read some fields and leave the others out: Kubernetes' kinds. */
export const openMessage = <const F extends Fields, R extends keyof F & string = never>(
  fields: F,
  required: readonly R[] = [],
): Schema<Message<F, R>> => leaf(shape(fields, required, {}));

function shape(fields: Fields, required: readonly string[], limits: Limits): Limits {
  const entries = Object.entries(fields).map(([name, field]) => [
    name,
    required.includes(name) ? field : Type.Optional(field),
  ]);
  return Type.Object(Object.fromEntries(entries), limits) as unknown as Limits;
}
