// One file of configuration, read: its objects by position, what could not be read, and what was kept of before.
import type { FilePosition, Problem } from '../../model/problem.ts';
import type { AnyObject } from '../../model/schema/index.ts';
import type { RuleContext } from '../rules/rule.ts';
import type { YamlDocument } from '../yaml/yaml.ts';
import type { FieldPath } from '../field-path.ts';
import { objectKey } from '../../model/object.ts';
import { describeSource } from '../../model/source.ts';
import { parse } from '../parse.ts';
import { readYaml } from '../yaml/yaml.ts';

export interface ConfigFile {
  readonly objects: readonly AnyObject[];
  readonly problems: readonly Problem[];
}

export const emptyFile: ConfigFile = { objects: [], problems: [] };
export const largestFile = 4 << 20;

/** `text` of `file`. Objects that are refused now but were fine in `before` stay as they were. */
export function readConfig(
  text: string,
  file: string,
  before: ConfigFile = emptyFile,
  context?: RuleContext,
): ConfigFile {
  const yaml = readYaml(text, file);
  if ('problem' in yaml) return keepAll(before, yaml.problem);
  const objects: AnyObject[] = [];
  const problems: Problem[] = [];
  const lastGood = new Map(before.objects.map((object) => [nameOf(object.source), object]));
  for (const item of yaml.documents.flatMap(unfoldList)) {
    const result = parse(item.raw, { ...item, ...(context && { context }) });
    if (result.object) objects.push(result.object);
    const kept = result.object === undefined ? lastGood.get(nameOf(result.problems[0]?.source)) : undefined;
    if (kept) objects.push(kept);
    problems.push(...(kept ? result.problems.map(keptNote) : result.problems));
  }
  return { objects, problems };
}

/** The file cannot be used as it is: whatever was in force stays. */
export function keepAll(before: ConfigFile, problem: Problem): ConfigFile {
  const note = before.objects.length > 0 ? '; the objects read from it before stay in force' : '';
  return { objects: before.objects, problems: [{ ...problem, message: `${problem.message}${note}` }] };
}

const keptNote = (problem: Problem): Problem =>
  problem.severity === 'error'
    ? { ...problem, message: `${problem.message}; its last good version stays in force` }
    : problem;

const nameOf = (source: AnyObject['source'] | undefined): string =>
  source === undefined ? '' : `${source.kind}/${source.group ?? ''}/${objectKey(source.namespace, source.name)}`;

/** A `List` is what it lists, to one level. */
function unfoldList(document: YamlDocument): readonly YamlDocument[] {
  const { raw, locate } = document;
  if (typeof raw !== 'object' || raw === null || !('kind' in raw) || !('items' in raw)) return [document];
  if (typeof raw.kind !== 'string' || !raw.kind.endsWith('List') || !Array.isArray(raw.items)) return [document];
  return raw.items.map((item: unknown, index): YamlDocument => {
    const inside = (path: FieldPath): FilePosition => locate(['items', index, ...path]);
    return { raw: item, position: inside([]), locate: inside };
  });
}

const mostObjects = 100_000;

/**
 * The objects of all files together. Where several have the same kind, namespace and name, the first counts, by path
 * and then by position.
 */
export function joinFiles(files: ReadonlyMap<string, ConfigFile>): ConfigFile {
  const winners = new Map<string, AnyObject>();
  const problems: Problem[] = [];
  let dropped = 0;
  for (const path of [...files.keys()].toSorted()) {
    const { objects, problems: own } = files.get(path) ?? emptyFile;
    problems.push(...own);
    for (const object of objects) {
      const name = nameOf(object.source);
      const winner = winners.get(name);
      if (winner) problems.push(duplicateOf(object, winner));
      else if (winners.size === mostObjects) dropped++;
      else winners.set(name, object);
    }
  }
  const tooMany: readonly Problem[] =
    dropped > 0
      ? [
          {
            code: 'too-many-objects',
            severity: 'error',
            message: `${dropped} objects beyond ${mostObjects} are left out`,
          },
        ]
      : [];
  return { objects: [...winners.values()], problems: [...problems, ...tooMany] };
}

const place = ({ position }: AnyObject): string =>
  position ? `${position.file}${position.line === undefined ? '' : `:${position.line}`}` : 'elsewhere';

const duplicateOf = (loser: AnyObject, winner: AnyObject): Problem => ({
  code: 'duplicate-object',
  severity: 'error',
  message: `${describeSource(loser.source)}: the object is there already, at ${place(winner)}, which counts`,
  source: loser.source,
  ...(loser.position && { position: loser.position }),
});
