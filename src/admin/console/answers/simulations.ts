// What would be: a request, and a change. Neither touches the mesh.
import type { Difference, Refused, Traced, TraceQuestion } from '../api.ts';
import type { Question } from './question.ts';
import { NoAnswer } from './question.ts';

const longest = { field: 8192, list: 100 };

export const trace = ({ source, body }: Question): Promise<Traced | Refused> => source.trace(traceQuestion(body));

/** Throws a NoAnswer for what is not one. */
function traceQuestion(body: unknown): TraceQuestion {
  const { from, method, url, headers, claims } = fields(body);
  if (!isText(from) || !isText(method) || !isText(url) || !isList(headers) || !isList(claims))
    throw new NoAnswer(400, 'a trace is asked for with from, method, url, headers and claims');
  return { from, method, url, headers, claims };
}

const fields = (body: unknown): Readonly<Record<string, unknown>> =>
  typeof body === 'object' && body !== null ? (body as Readonly<Record<string, unknown>>) : {};

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= longest.field;
const isList = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length <= longest.list && value.every(isText);

/** Manifests as text, or `apply` and `remove`. */
export function difference({ source, body }: Question): Promise<Difference | Refused> {
  const { apply, remove } = typeof body === 'string' ? { apply: body, remove: '' } : fields(body);
  const change = { apply: textOf(apply), remove: textOf(remove) };
  if (change.apply.trim() === '' && change.remove.trim() === '')
    throw new NoAnswer(400, 'there is no manifest to look at');
  return source.difference(change);
}
