// What users wrote: every object with what is wrong with it, what it says of itself, and where it has effect.
import { hash } from 'node:crypto';

import type { ObjectBase } from '../../../model/object.ts';
import { memo } from '../../../model/memo.ts';
import type { Problem } from '../../../model/problem.ts';
import type { SourceRef } from '../../../model/source.ts';
import { isShown } from '../../pages/objects.ts';
import type { Branch, Condition, Effect, ObjectDetail, ObjectRow, Stretch } from '../api.ts';
import { matcher, stretchOf } from './paging.ts';
import type { Question } from './question.ts';
import { NoAnswer } from './question.ts';
import { branchAt, jsonPart, placeAsked } from './tree.ts';

type Identified = Pick<SourceRef, 'kind' | 'namespace' | 'name'>;

const keyOf = ({ kind, namespace, name }: Identified): string => `${kind}/${namespace}/${name}`;

/** Never Kubernetes' own kinds: Secrets are among them. */
export function shownObjects({ plane }: Pick<Question, 'plane'>): readonly ObjectBase[] {
  const maps = Object.values(plane.snapshot().objects) as readonly ReadonlyMap<string, ObjectBase>[];
  return maps.flatMap((map) => {
    const [first] = map.values();
    return first !== undefined && isShown(first.apiVersion) ? [...map.values()] : [];
  });
}

/** Problems by the object that is at fault. */
export function problemsByObject(problems: readonly Problem[]): ReadonlyMap<string, readonly Problem[]> {
  const found = new Map<string, Problem[]>();
  for (const problem of problems) {
    const key = problem.source === undefined ? '' : keyOf(problem.source);
    const known = found.get(key);
    if (known === undefined) found.set(key, [problem]);
    else known.push(problem);
  }
  return found;
}

/** Those with problems first, then by kind, namespace and name; `kind`, `state=problems` and `search` narrow it down. */
export function objects(question: Question): Stretch<ObjectRow> & { readonly kinds: readonly string[] } {
  const { plane, query } = question;
  const problems = problemsByObject(plane.problems());
  const all = shownObjects(question);
  const kind = query.get('kind') ?? '';
  const onlyBad = query.get('state') === 'problems';
  const matches = matcher(query);
  const found = all
    .filter(({ source }) => kind === '' || source.kind === kind)
    .filter(({ source }) => matches(source.kind, source.namespace, source.name))
    .map((object) => {
      const key = keyOf(object.source);
      const own = problems.get(key) ?? [];
      return { object, key, own, rank: rank(own) };
    })
    .filter((each) => !onlyBad || each.rank > 0)
    .toSorted((a, b) => b.rank - a.rank || (a.key < b.key ? -1 : 1));
  const kinds = new Set(all.map(({ source }) => source.kind));
  return { ...stretchOf(found, query, (each) => row(each.object, each.own)), kinds: [...kinds].toSorted() };
}

/** Errors before warnings before nothing. */
const rank = (problems: readonly Problem[]): number =>
  problems.some(({ severity }) => severity === 'error') ? 2 : problems.length > 0 ? 1 : 0;

function row({ source, apiVersion, metadata }: ObjectBase, problems: readonly Problem[]): ObjectRow {
  const errors = problems.filter((problem) => problem.severity === 'error').length;
  return {
    kind: source.kind,
    namespace: metadata.namespace,
    name: metadata.name,
    apiVersion,
    created: metadata.creationTimestamp,
    errors,
    warnings: problems.length - errors,
  };
}

export function object(question: Question): ObjectDetail {
  const { plane } = question;
  const found = askedObject(question);
  const key = keyOf(found.source);
  const problems = plane.problems().filter((problem) => problem.source && keyOf(problem.source) === key);
  const rejections = plane.rejections().filter(({ causes }) => causes.some((cause) => keyOf(cause) === key));
  return {
    ...row(found, problems),
    conditions: conditionsOf(found),
    problems,
    rejections: rejections.map(({ name, error, nodes }) => ({ name, error, proxies: nodes.length })),
  };
}

/** Asked by itself: it takes a look at what every proxy has. */
export const effect = (question: Question): Promise<Effect> => question.source.effect(askedObject(question).source);

/** Throws a NoAnswer. */
function askedObject(question: Question): ObjectBase {
  const { query } = question;
  const [kind = '', namespace = '', name = ''] = ['kind', 'namespace', 'name'].map((each) => query.get(each) ?? '');
  const key = keyOf({ kind, namespace, name });
  const found = shownObjects(question).find(({ source }) => keyOf(source) === key);
  if (found === undefined) throw new NoAnswer(404, `there is no ${kind} ${namespace}/${name}`);
  return found;
}

/** Of what users write most is seen at once. */
const openLevels = 6;

/** What is below a field of an object, a stretch of it. */
export function written(question: Question): Branch {
  const { body, version } = writtenBody(askedObject(question));
  const place = placeAsked(question.query);
  const lines = branchAt(jsonPart(body, {}), place, openLevels);
  if (lines === undefined) throw new NoAnswer(404, `it has no ${place.field} any more`);
  return { version, lines };
}

const writtenBody = memo((object: ObjectBase) => {
  const body = { apiVersion: object.apiVersion, kind: object.source.kind, ...bodyOf(object) };
  return { body, version: hash('sha256', JSON.stringify(body), 'base64url').slice(0, 22) };
});

const bodyOf = (object: ObjectBase): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(object).filter(([field]) => !/^(?:source|position|kind|apiVersion|status)$/.test(field)),
  );

function conditionsOf(object: ObjectBase): readonly Condition[] {
  const { status } = object as { readonly status?: { readonly conditions?: unknown } };
  return Array.isArray(status?.conditions) ? (status.conditions as readonly Condition[]) : [];
}

/** All problems there are, errors first. */
export function problems({ plane, query }: Question): Stretch<Problem> {
  const matches = matcher(query);
  const found = plane
    .problems()
    .filter(({ code, message, source }) =>
      matches(code, message, source?.kind ?? '', source?.namespace ?? '', source?.name ?? ''),
    )
    .toSorted((a, b) => Number(b.severity === 'error') - Number(a.severity === 'error'));
  return stretchOf(found, query, (each) => each);
}
