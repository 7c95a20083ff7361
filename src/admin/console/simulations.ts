// What would be: a request, and a change. Neither touches the mesh.
import type { Hop } from '../../trace/journey.ts';
import type { Difference, Refused, TraceQuestion } from './api.ts';
import type { Question } from './question.ts';
import { NoAnswer } from './question.ts';

const longest = { field: 8192, list: 100 };

export const trace = ({ source, body }: Question): Promise<Hop | Refused> => source.trace(traceQuestion(body));

/** Throws a NoAnswer for what is not one. */
function traceQuestion(body: unknown): TraceQuestion {
  const { from, method, url, headers, claims } = (typeof body === 'object' && body !== null ? body : {}) as Readonly<
    Record<string, unknown>
  >;
  if (!isText(from) || !isText(method) || !isText(url) || !isList(headers) || !isList(claims))
    throw new NoAnswer(400, 'a trace is asked for with from, method, url, headers and claims');
  return { from, method, url, headers, claims };
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= longest.field;
const isList = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length <= longest.list && value.every(isText);

export function difference({ source, body }: Question): Promise<Difference | Refused> {
  if (typeof body !== 'string' || body.trim() === '') throw new NoAnswer(400, 'there is no manifest to look at');
  return source.difference(body);
}
