// A value as a tree that is looked at branch by branch: each line with its value, or what is below it, and the objects that
// caused it. What nobody looks at is neither read nor sent.
import type { SourceRef } from '../../../model/source.ts';
import type { BranchPlace, Stretch, TreeLine } from '../api.ts';
import { numberOf } from './paging.ts';

/** A value, with as much of what is in it as is asked for. */
export interface TreePart {
  readonly value: unknown;
  readonly causes: readonly SourceRef[];
  /** Its fields, or its items as `[0]`, `[1]`, …; none for a leaf. */
  steps(): readonly string[];
  below(step: string): TreePart;
}

/** Lines that come at once: of one branch, and of branches that are opened without being asked for. */
const most = { stretch: 50, opened: 150 };
/** Branches with more lines are opened when somebody asks. */
const openParts = 20;
/** Of a value that is shown, in UTF-16 units: programs and certificates are values too. */
const longestValue = 8000;

/** `field`, `open` and `offset` of the query. */
export const placeAsked = (query: URLSearchParams): BranchPlace => {
  return { field: query.get('field') ?? '', open: query.get('open') ?? '', offset: numberOf(query.get('offset')) };
};

/** Of the whole tree so many levels come opened. undefined where there is no such field. */
export function branchAt(
  root: TreePart,
  { field, open, offset }: BranchPlace,
  levels: number,
): Stretch<TreeLine> | undefined {
  const found = placeOf({ part: root, path: '' }, field);
  return found && linesOf(found, { open, levels, left: field === '' ? most.opened : 0 }, offset);
}

/** A part, and the way to it: `virtual_hosts[2].routes`. */
interface Place {
  readonly part: TreePart;
  readonly path: string;
}

const pathBelow = (path: string, step: string): string =>
  path === '' || step.startsWith('[') ? `${path}${step}` : `${path}.${step}`;

/** Whether `wanted` is there or below. Names of fields may have dots in them: two fields can seem to lead there. */
const leadsTo = (path: string, wanted: string): boolean =>
  wanted.startsWith(path) && (wanted.length === path.length || '.['.includes(wanted.charAt(path.length)));

function placeOf({ part, path }: Place, field: string): Place | undefined {
  if (path === field) return { part, path };
  for (const step of part.steps()) {
    const next = pathBelow(path, step);
    const found = leadsTo(next, field) ? placeOf({ part: part.below(step), path: next }, field) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What is opened beside what was asked for: the way to a field, and small branches while there are lines `left` for them. */
interface Opening {
  readonly open: string;
  readonly levels: number;
  left: number;
}

function linesOf(place: Place, opening: Opening, offset?: number, level = 0): Stretch<TreeLine> {
  const steps = place.part.steps();
  const wanted =
    opening.open === '' ? -1 : steps.findIndex((step) => leadsTo(pathBelow(place.path, step), opening.open));
  const begin = offset ?? Math.max(0, wanted - (wanted % most.stretch));
  const shown = steps.slice(begin, begin + most.stretch);
  return { items: shown.map((step) => lineOf(place, step, opening, level)), total: steps.length, offset: begin };
}

function lineOf(above: Place, step: string, opening: Opening, level: number): TreeLine {
  const part = above.part.below(step);
  const path = pathBelow(above.path, step);
  const { causes } = part;
  const parts = part.steps().length;
  if (parts === 0) return { step, causes, value: leafWords(part.value) };
  const isSmall = level < opening.levels && parts <= Math.min(openParts, opening.left);
  const isOnTheWay = opening.open !== '' && leadsTo(path, opening.open);
  const line = { step, causes, parts, words: branchWords(part.value) };
  if (!isSmall && !isOnTheWay) return line;
  opening.left -= Math.min(parts, opening.left);
  return { ...line, below: linesOf({ part, path }, opening, undefined, level + 1) };
}

function leafWords(value: unknown): string {
  const words = typeof value === 'string' ? value : JSON.stringify(value);
  const left = words.length - longestValue;
  return left > 0 ? `${words.slice(0, longestValue)} … and ${left} more characters` : words;
}

/** What a closed branch is about: its name, its type, or how long it is. */
function branchWords(value: unknown): string {
  if (Array.isArray(value)) return `${value.length}`;
  const { name, '@type': type } = value as { readonly name?: unknown; readonly '@type'?: unknown };
  if (typeof name === 'string') return name;
  return typeof type === 'string' ? type.slice(type.lastIndexOf('.') + 1) : '';
}

const none: readonly SourceRef[] = [];

/** JSON, with the causes of fields by their path from `path`. */
export function jsonPart(value: unknown, origins: Readonly<Record<string, readonly SourceRef[]>>, path = ''): TreePart {
  return {
    value,
    causes: origins[path] ?? none,
    steps: () => stepsOf(value),
    below: (step) => jsonPart(childOf(value, step), origins, pathBelow(path, step)),
  };
}

function stepsOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.map((_item, i) => `[${i}]`);
  return typeof value === 'object' && value !== null ? Object.keys(value) : [];
}

const childOf = (value: unknown, step: string): unknown =>
  Array.isArray(value) ? value[indexOf(step)] : (value as Readonly<Record<string, unknown>>)[step];

/** Of an item's step. */
export const indexOf = (step: string): number => Number(step.slice(1, -1));
