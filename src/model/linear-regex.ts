// Regular expressions of users, matched in time linear in the text: all possible ways through the pattern are followed at
// once, so that no pattern can keep the program busy. What RE2 has and this has not (Unicode classes) does not compile.
// https://swtch.com/~rsc/regexp/regexp2.html
import type { Instruction } from './linear-regex-parser.ts';
import { parseRegex } from './linear-regex-parser.ts';
import { memo } from './memo.ts';

/** Whether the pattern is found anywhere in a text; undefined for what is no pattern, or would be too large. */
export const linearRegex = memo((pattern: string): ((text: string) => boolean) | undefined => {
  const program = parseRegex(pattern);
  return program === undefined ? undefined : (text) => search(program, Array.from(text));
});

type Program = readonly Instruction[];

function search(program: Program, text: readonly string[]): boolean {
  let current = new Set<number>();
  for (let at = 0; at <= text.length; at++) {
    if (follow(program, 0, text, at, current)) return true;
    const next = new Set<number>();
    for (const index of current) {
      const instruction = program[index];
      const character = text[at];
      if (instruction?.kind === 'character' && character !== undefined && instruction.takes(character))
        if (follow(program, index + 1, text, at + 1, next)) return true;
    }
    current = next;
  }
  return false;
}

/** Adds all that can be reached from `start` without reading a character; true if that is the end of the pattern. */
function follow(program: Program, start: number, text: readonly string[], at: number, reached: Set<number>): boolean {
  const open = [start];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (reached.has(index)) continue;
    reached.add(index);
    const instruction = program[index];
    if (instruction === undefined) return true;
    if (instruction.kind === 'jump') open.push(...instruction.to.map((offset) => (index ?? 0) + offset));
    else if (instruction.kind === 'mark') open.push(index + 1);
    else if (instruction.kind === 'place' && instruction.holds(text[at - 1], text[at])) open.push(index + 1);
  }
  return false;
}
