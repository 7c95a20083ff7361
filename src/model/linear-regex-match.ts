// Where a pattern of a user's is found in a text, and what its groups took: all ways through the pattern are followed at once, in
// the order in which RE2 prefers them. What would take too many steps is given up rather than waited for.
// https://swtch.com/~rsc/regexp/regexp2.html
import type { Instruction } from './linear-regex-parser.ts';
import { parseRegex } from './linear-regex-parser.ts';

/** By slots: where the whole and each group begin and end. */
type Marks = readonly (number | undefined)[];

interface Run {
  readonly program: readonly Instruction[];
  readonly text: readonly string[];
  /** How many steps may still be taken. */
  left: number;
}

const mostSteps = 2_000_000;

class TooLong extends Error {}

/** Whether a pattern takes the whole of a text; undefined for what is no pattern, or would take too long. */
export const takesWhole = (pattern: string, text: string): boolean | undefined =>
  attempt(`^(?:${pattern})$`, text, (run) => find(run, 0) !== undefined);

/**
 * Every place that the pattern takes replaced, `\\1` being what its first group took; undefined for what is no pattern, or would
 * take too long.
 */
export const replaced = (pattern: string, text: string, substitution: string): string | undefined =>
  attempt(pattern, text, (run) => {
    const written: string[] = [];
    let from = 0;
    for (let at = 0; at <= run.text.length;) {
      const marks = find(run, at);
      const [start, end] = marks ?? [];
      if (marks === undefined || start === undefined || end === undefined) break;
      written.push(...run.text.slice(from, start), substituted(substitution, run, marks));
      from = end;
      // What takes nothing is found once at each place.
      if (end === start) written.push(...run.text.slice(end, end + 1));
      from = end === start ? end + 1 : end;
      at = from;
    }
    return [...written, ...run.text.slice(from)].join('');
  });

const substituted = (substitution: string, { text }: Run, marks: Marks): string =>
  substitution.replace(/\\([0-9\\])/g, (_, digit: string) =>
    digit === '\\' ? digit : text.slice(marks[2 * Number(digit)] ?? 0, marks[2 * Number(digit) + 1] ?? 0).join(''),
  );

function attempt<T>(pattern: string, text: string, work: (run: Run) => T): T | undefined {
  const program = parseRegex(pattern);
  if (program === undefined) return undefined;
  try {
    return work({ program, text: Array.from(text), left: mostSteps });
  } catch (error) {
    if (error instanceof TooLong) return undefined;
    throw error;
  }
}

interface Thread {
  readonly index: number;
  readonly marks: Marks;
}

/** In order of preference, each instruction once. */
interface Threads {
  readonly list: Thread[];
  readonly reached: Set<number>;
}

const noThreads = (): Threads => ({ list: [], reached: new Set() });

/** The first place at or after `from`, taken in the way that is preferred. */
function find(run: Run, from: number): Marks | undefined {
  let current = noThreads();
  let found: Marks | undefined;
  for (let at = from; at <= run.text.length; at++) {
    if (found === undefined) follow(run, current, { index: 0, marks: [at] }, at);
    if (current.list.length === 0 && found !== undefined) break;
    const next = noThreads();
    for (const { index, marks } of current.list) {
      const instruction = run.program[index];
      if (instruction === undefined) {
        // Whoever is preferred less does not count any more.
        found = marked(marks, 1, at);
        break;
      }
      const character = run.text[at];
      if (instruction.kind === 'character' && character !== undefined && instruction.takes(character))
        follow(run, next, { index: index + 1, marks }, at + 1);
    }
    current = next;
  }
  return found;
}

/** Adds all that `thread` reaches without reading, behind those that are there. */
function follow(run: Run, { list, reached }: Threads, thread: Thread, at: number): void {
  const open = [thread];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (run.left-- <= 0) throw new TooLong();
    const { index, marks } = next;
    if (reached.has(index)) continue;
    reached.add(index);
    const instruction = run.program[index];
    if (instruction?.kind === 'jump')
      open.push(...instruction.to.toReversed().map((offset) => ({ index: index + offset, marks })));
    else if (instruction?.kind === 'mark') open.push({ index: index + 1, marks: marked(marks, instruction.slot, at) });
    else if (instruction?.kind === 'place') {
      if (instruction.holds(run.text[at - 1], run.text[at])) open.push({ index: index + 1, marks });
    } else list.push({ index, marks });
  }
}

function marked(marks: Marks, slot: number, at: number): Marks {
  const copy = [...marks];
  copy[slot] = at;
  return copy;
}
