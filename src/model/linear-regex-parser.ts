// The syntax of RE2 as a program: characters to read, places to be at, and jumps. Whoever runs it follows all jumps at once.
// https://github.com/google/re2/wiki/Syntax

export type Instruction =
  | { readonly kind: 'character'; readonly takes: Takes }
  /** Between the character before and the one after. */
  | { readonly kind: 'place'; readonly holds: (before: string | undefined, after: string | undefined) => boolean }
  /** To any of these, counted from here; the first is what is tried first where that makes a difference. */
  | { readonly kind: 'jump'; readonly to: readonly number[] }
  /** A group begins (its number twice) or ends (one more). */
  | { readonly kind: 'mark'; readonly slot: number };

type Takes = (character: string) => boolean;
type Program = readonly Instruction[];

const longest = 1024;
const mostInstructions = 10_000;

interface Parsing {
  readonly text: readonly string[];
  at: number;
  depth: number;
  /** How many groups have begun. */
  groups: number;
}

class NoPattern extends Error {}

/** Undefined for what is no pattern. */
export function parseRegex(pattern: string): Program | undefined {
  if (pattern.length > longest) return undefined;
  const parsing: Parsing = { text: Array.from(pattern), at: 0, depth: 0, groups: 0 };
  try {
    const program = alternatives(parsing, { ignoreCase: false, dotTakesNewline: false });
    return parsing.at === parsing.text.length ? program : undefined;
  } catch (error) {
    if (error instanceof NoPattern) return undefined;
    throw error;
  }
}

interface Flags {
  readonly ignoreCase: boolean;
  readonly dotTakesNewline: boolean;
}

function alternatives(parsing: Parsing, flags: Flags): Program {
  const first = sequence(parsing, flags);
  if (parsing.text[parsing.at] !== '|') return first;
  parsing.at++;
  const rest = alternatives(parsing, flags);
  return sized([jump(1, first.length + 2), ...first, jump(rest.length + 1), ...rest]);
}

function sequence(parsing: Parsing, outer: Flags): Program {
  let program: Program = [];
  let flags = outer;
  for (let next = parsing.text[parsing.at]; next !== undefined && next !== '|' && next !== ')';) {
    const set = flagGroup(parsing, flags);
    if (set === undefined) program = sized([...program, ...repeated(parsing, operand(parsing, flags))]);
    else flags = set;
    next = parsing.text[parsing.at];
  }
  return program;
}

/** `(?i)` holds for what follows in the same group. */
function flagGroup(parsing: Parsing, flags: Flags): Flags | undefined {
  const [whole, on] = /^\(\?([is]+)\)/.exec(ahead(parsing, 6)) ?? [];
  if (whole === undefined || on === undefined) return undefined;
  parsing.at += whole.length;
  return {
    ignoreCase: flags.ignoreCase || on.includes('i'),
    dotTakesNewline: flags.dotTakesNewline || on.includes('s'),
  };
}

function operand(parsing: Parsing, flags: Flags): Program {
  const next = parsing.text[parsing.at++];
  switch (next) {
    case '(':
      return group(parsing, flags);
    case '[':
      return [reads(classOf(parsing), flags)];
    case '.':
      return [reads((character) => flags.dotTakesNewline || character !== '\n', flags)];
    case '^':
      return [{ kind: 'place', holds: (before) => before === undefined }];
    case '$':
      return [{ kind: 'place', holds: (_before, after) => after === undefined }];
    case '\\':
      return escaped(parsing, flags);
    case '*':
    case '+':
    case '?':
    case undefined:
      throw new NoPattern();
    default:
      return [reads((character) => character === next, flags, next)];
  }
}

const deepest = 100;

function group(parsing: Parsing, flags: Flags): Program {
  if (++parsing.depth > deepest) throw new NoPattern();
  const [head = ''] = /^\?(?::|P?<\w{1,32}>)/.exec(ahead(parsing, 40)) ?? [];
  if (head === '' && parsing.text[parsing.at] === '?') throw new NoPattern();
  parsing.at += head.length;
  const number = head === '?:' ? 0 : ++parsing.groups;
  const program = alternatives(parsing, flags);
  if (parsing.text[parsing.at++] !== ')') throw new NoPattern();
  parsing.depth--;
  return number === 0 ? program : [mark(2 * number), ...program, mark(2 * number + 1)];
}

const mark = (slot: number): Instruction => ({ kind: 'mark', slot });

const ahead = ({ text, at }: Parsing, length: number): string => text.slice(at, at + length).join('');

/** The operand as often as what follows it says: as often as possible, or, with one more `?`, as seldom. */
function repeated(parsing: Parsing, once: Program): Program {
  const counted = /^\{(\d{1,4})(,(\d{1,4})?)?\}/.exec(ahead(parsing, 12));
  const sign = parsing.text[parsing.at];
  if (counted === null && sign !== '*' && sign !== '+' && sign !== '?') return once;
  parsing.at += counted?.[0].length ?? 1;
  const isLazy = parsing.text[parsing.at] === '?';
  if (isLazy) parsing.at++;
  if (counted !== null) {
    const least = Number(counted[1]);
    const most = counted[2] === undefined ? least : Number(counted[3] ?? Number.POSITIVE_INFINITY);
    return times(once, least, most, isLazy);
  }
  return times(once, sign === '+' ? 1 : 0, sign === '?' ? 1 : Number.POSITIVE_INFINITY, isLazy);
}

function times(once: Program, least: number, most: number, isLazy: boolean): Program {
  if (most < least || once.length * (most === Number.POSITIVE_INFINITY ? least + 1 : most) > mostInstructions)
    throw new NoPattern();
  const needed = Array.from({ length: least }, () => once).flat();
  const either = (on: number, past: number): Instruction => (isLazy ? jump(past, on) : jump(on, past));
  if (most === Number.POSITIVE_INFINITY)
    return sized([...needed, either(1, once.length + 2), ...once, jump(-once.length - 1)]);
  const optional = [either(1, once.length + 1), ...once];
  return sized([...needed, ...Array.from({ length: most - least }, () => optional).flat()]);
}

const jump = (...to: readonly number[]): Instruction => ({ kind: 'jump', to });

function sized(program: Program): Program {
  if (program.length > mostInstructions) throw new NoPattern();
  return program;
}

/** `literal`: the one character, if it is one, for comparing without case. */
function reads(takes: Takes, { ignoreCase }: Flags, literal?: string): Instruction {
  if (!ignoreCase) return { kind: 'character', takes };
  const lower = literal?.toLowerCase();
  return {
    kind: 'character',
    takes: (character) =>
      takes(character) ||
      takes(character.toLowerCase()) ||
      takes(character.toUpperCase()) ||
      (lower !== undefined && character.toLowerCase() === lower),
  };
}

const word: Takes = (character) => /^\w$/.test(character);
const shorthand: Readonly<Record<string, Takes>> = {
  d: (character) => character >= '0' && character <= '9',
  w: word,
  s: (character) => '\t\n\f\r '.includes(character),
};
const controls: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', f: '\f', v: '\v', a: '\u0007' };

function shorthandOf(letter: string): Takes | undefined {
  const known = shorthand[letter.toLowerCase()];
  if (known === undefined) return undefined;
  return letter === letter.toLowerCase() ? known : (character) => !known(character);
}

function escaped(parsing: Parsing, flags: Flags): Program {
  const letter = parsing.text[parsing.at] ?? '';
  const known = shorthandOf(letter);
  if (known !== undefined) return (parsing.at++, [reads(known, flags)]);
  const isWord = (character: string | undefined): boolean => character !== undefined && word(character);
  const places: Readonly<Record<string, Extract<Instruction, { kind: 'place' }>['holds']>> = {
    A: (before) => before === undefined,
    z: (_before, after) => after === undefined,
    b: (before, after) => isWord(before) !== isWord(after),
    B: (before, after) => isWord(before) === isWord(after),
  };
  const holds = places[letter];
  if (holds !== undefined) return (parsing.at++, [{ kind: 'place', holds }]);
  const character = escapedCharacter(parsing);
  return [reads((other) => other === character, flags, character)];
}

function escapedCharacter(parsing: Parsing): string {
  const letter = parsing.text[parsing.at++];
  if (letter === undefined) throw new NoPattern();
  const control = controls[letter];
  if (control !== undefined) return control;
  if (/^[\dA-Za-z]$/.test(letter)) throw new NoPattern();
  return letter;
}

const named: Readonly<Record<string, RegExp>> = {
  alnum: /^[0-9A-Za-z]$/,
  alpha: /^[A-Za-z]$/,
  digit: /^[0-9]$/,
  lower: /^[a-z]$/,
  punct: /^[!-/:-@[-`{-~]$/,
  space: /^[\t\n\v\f\r ]$/,
  upper: /^[A-Z]$/,
  word: /^\w$/,
  xdigit: /^[0-9A-Fa-f]$/,
};

function classOf(parsing: Parsing): Takes {
  const negated = parsing.text[parsing.at] === '^';
  if (negated) parsing.at++;
  const members: Takes[] = [];
  while (members.length === 0 || parsing.text[parsing.at] !== ']') {
    if (parsing.at >= parsing.text.length) throw new NoPattern();
    members.push(classMember(parsing));
  }
  parsing.at++;
  return (character) => members.some((takes) => takes(character)) !== negated;
}

function classMember(parsing: Parsing): Takes {
  const [whole = '', name = ''] = /^\[:([a-z]+):\]/.exec(ahead(parsing, 12)) ?? [];
  const set = named[name];
  if (set !== undefined) return ((parsing.at += whole.length), (character) => set.test(character));
  const escapedSet = parsing.text[parsing.at] === '\\' ? shorthandOf(parsing.text[parsing.at + 1] ?? '') : undefined;
  if (escapedSet !== undefined) return ((parsing.at += 2), escapedSet);
  const first = classCharacter(parsing);
  if (parsing.text[parsing.at] !== '-' || parsing.text[parsing.at + 1] === ']') return (other) => other === first;
  parsing.at++;
  const last = classCharacter(parsing);
  if (last < first) throw new NoPattern();
  return (other) => other >= first && other <= last;
}

function classCharacter(parsing: Parsing): string {
  const character = parsing.text[parsing.at++];
  if (character === undefined) throw new NoPattern();
  return character === '\\' ? escapedCharacter(parsing) : character;
}
