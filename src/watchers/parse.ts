// An object as it was written or sent, made into what the rest of Keelson works with, or into problems: one function
// for files, the API server and the admission webhook.
import type { FilePosition, Problem } from '../model/problem.ts';
import type { AnyObject } from '../model/schema/index.ts';
import type { SourceRef } from '../model/source.ts';
import type { Draft } from './draft.ts';
import type { FieldPath } from './field-path.ts';
import type { KindRow } from './kinds.ts';
import type { RuleContext } from './rules/rule.ts';
import { bodySchemas } from '../model/schema/index.ts';
import { finishBody } from './finish-body.ts';
import { problemOf } from './draft.ts';
import { apiVersions, applyRules, findKind, kindRows } from './kinds.ts';
import { readMetadata } from './metadata.ts';
import { withSchemaDefaults } from './schema/defaults.ts';
import { measure, normalize } from './schema/normalize.ts';
import { suggestion } from './schema/suggest.ts';

export interface ParseOptions {
  /** Where the object begins. */
  readonly position?: FilePosition;
  /** Where a field of it stands. */
  readonly locate?: (path: FieldPath) => FilePosition;
  readonly context?: RuleContext;
}

/** Without an object it was refused, or is of a kind that Keelson does not read. */
export interface ParseResult {
  readonly object?: AnyObject;
  readonly problems: readonly Problem[];
}

/** Never throws on whatever `raw` is; `raw` must be plain JSON data. */
export function parse(raw: unknown, options: ParseOptions = {}): ParseResult {
  const { apiVersion, kind, metadata, ...body } = (isRecord(raw) ? raw : {}) as Readonly<Record<string, unknown>>;
  const source = nameOf(kind, metadata);
  const { position: start } = options;
  const locate = options.locate ?? (start === undefined ? undefined : () => start);
  const report = (found: readonly Draft[]): readonly Problem[] =>
    found.map((draft) => problemOf(draft, source, locate));
  const refuse = (code: string, message: string): ParseResult => ({
    problems: report([{ code, severity: 'error', path: [], message }]),
  });
  if (typeof apiVersion !== 'string' || typeof kind !== 'string')
    return refuse('not-an-object', 'this is no Kubernetes object: it needs an apiVersion and a kind');
  const row = findKind(apiVersion, kind);
  if (row === undefined) return { problems: report([unknownKind(apiVersion, kind)]) };
  if (row.kind !== row.objectKind) Object.assign(source, { group: row.group });
  const size = measure(raw);
  if ('reason' in size) return refuse('too-large', `the object ${size.reason}`);
  const read = readMetadata(metadata, row);
  if ('drafts' in read) return { problems: report(read.drafts) };
  Object.assign(source, { namespace: read.metadata.namespace });

  const schema = bodySchemas[row.kind] as object;
  const content = withSchemaDefaults(normalize(withDefaults(body, row), schema), schema) as object;
  const faults = row.check(content, size.nodes);
  if (faults.length > 0) return { problems: report(faults) };
  const finished = finishBody(row.kind, read.metadata, content);
  const position = options.position && { position: options.position };
  const object = {
    apiVersion,
    kind: row.kind,
    metadata: read.metadata,
    source,
    ...position,
    ...finished.body,
  } as AnyObject;
  const found = [...finished.drafts, ...applyRules(object, row, options.context ?? {})];
  const problems = report(found);
  return found.some(({ severity }) => severity === 'error') ? { problems } : { object, problems };
}

const isRecord = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What the object calls itself, as far as that can be read: for messages. */
function nameOf(kind: unknown, metadata: unknown): SourceRef {
  const { name, namespace } = (isRecord(metadata) ? metadata : {}) as Readonly<Record<string, unknown>>;
  const text = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 253) : '');
  return { kind: text(kind) || 'Object', namespace: text(namespace), name: text(name) || '(unnamed)' };
}

/** Messages and lists that a kind requires are empty ones when they are missing; Istio's own status is not read. */
function withDefaults(body: Readonly<Record<string, unknown>>, row: KindRow): object {
  const schema = bodySchemas[row.kind] as unknown as {
    readonly required?: readonly string[];
    readonly properties: Readonly<Record<string, { readonly type: string }>>;
    readonly additionalProperties?: boolean;
  };
  const { status, ...content } = body;
  const kept = 'status' in schema.properties ? { ...content, ...(status !== undefined && { status }) } : content;
  const filled = (schema.required ?? [])
    .filter((field) => (kept as Record<string, unknown>)[field] === undefined || body[field] === null)
    .flatMap((field): [string, unknown][] => {
      const type = schema.properties[field]?.type;
      return type === 'object' ? [[field, {}]] : type === 'array' ? [[field, []]] : [];
    });
  return { ...kept, ...Object.fromEntries(filled) };
}

function unknownKind(apiVersion: string, kind: string): Draft {
  const known = kindRows.filter(({ objectKind }) => objectKind === kind).flatMap(apiVersions);
  const names = kindRows.map(({ objectKind }) => objectKind);
  const hint = known.length > 0 ? `; Keelson reads ${kind} of ${known.join(', ')}` : suggestion(kind, names);
  const message = `${apiVersion.slice(0, 253)} ${kind.slice(0, 63)} is not read: it has no effect here${hint}`;
  return { code: 'unknown-kind', severity: 'warning', path: [], message };
}
