// RE2 syntax: what Envoy's regular expressions may be. Neither look-around nor back-references exist there, and a
// pattern that RE2 refuses would be refused by every proxy. One pass over the pattern, linear in its length.
// https://github.com/google/re2/wiki/Syntax

const longest = 1024;
const mostRepeats = 1000;
const escapes = /^[aftnrvAbBzdDsSwWCQE\\]$/;
const classNames = /^\[:\^?(alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit):\]/;

interface Scan {
  readonly text: string;
  at: number;
  /** What stands before, to which a repetition would apply. */
  operand: Operand;
  /** The highest count in the group so far, and those of the groups around it: RE2 unrolls counted repetitions. */
  highest: number;
  readonly outer: number[];
}
interface Operand {
  readonly state: 'nothing' | 'plain' | 'repeated';
  readonly count: number;
}
const nothing: Operand = { state: 'nothing', count: 1 };
const atom: Operand = { state: 'plain', count: 1 };

/** What is wrong with `text` as an RE2 pattern. */
export function regexFault(text: string): string | undefined {
  if (text === '') return 'a regular expression must not be empty';
  if (text.length > longest) return `a regular expression may have at most ${longest} characters`;
  const scan: Scan = { text, at: 0, operand: nothing, highest: 1, outer: [] };
  while (scan.at < text.length) {
    const fault = step(scan);
    if (fault !== undefined) return `not a regular expression of RE2: ${fault}`;
  }
  return scan.outer.length > 0 ? 'not a regular expression of RE2: a closing ) is missing' : undefined;
}

function step(scan: Scan): string | undefined {
  const character = scan.text[scan.at] ?? '';
  switch (character) {
    case '(':
      return openGroup(scan);
    case ')':
      return closeGroup(scan);
    case '[':
      return characterClass(scan);
    case '\\':
      return escape(scan);
    case '*':
    case '+':
    case '?':
      scan.at += 1;
      return repeat(scan, character, 1);
    case '{':
      return counted(scan);
    default:
      scan.at += 1;
      scan.operand = character === '|' ? nothing : atom;
      return undefined;
  }
}

function openGroup(scan: Scan): string | undefined {
  const head = /^\((\?(P?<[A-Za-z_]\w*>|[imsU]*(-[imsU]+)?[:)]))?/.exec(scan.text.slice(scan.at))?.[0] ?? '(';
  if (head === '(' && scan.text[scan.at + 1] === '?') {
    const shown = scan.text.slice(scan.at, scan.at + 4);
    return /^\(\?<?[=!]/.test(shown) ? `look-around (${shown}) is not supported` : `${shown} begins no group`;
  }
  scan.at += head.length;
  if (head.length > 1 && head.endsWith(')')) return undefined; // flags alone: (?i)
  scan.outer.push(scan.highest);
  scan.highest = 1;
  scan.operand = nothing;
  return undefined;
}

function closeGroup(scan: Scan): string | undefined {
  const outer = scan.outer.pop();
  if (outer === undefined) return 'a ) without (';
  scan.at += 1;
  scan.operand = { state: 'plain', count: scan.highest };
  scan.highest = Math.max(outer, scan.highest);
  return undefined;
}

function escape(scan: Scan): string | undefined {
  const end = escapeEnd(scan.text, scan.at);
  if (typeof end === 'string') return end;
  scan.at = end;
  scan.operand = atom;
  return undefined;
}

/** Index after the escape at `at`, or what is wrong with it. */
function escapeEnd(text: string, at: number): number | string {
  const next = text[at + 1];
  if (next === undefined) return 'a \\ at the end';
  if (next === 'Q') {
    const close = text.indexOf('\\E', at);
    return close < 0 ? text.length : close + 2;
  }
  const coded = /^\\(x([0-9A-Fa-f]{2}|\{[0-9A-Fa-f]{1,6}\})|[pP](\{\^?\w+\}|[A-Z])|0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(
    text.slice(at, at + 40),
  );
  if (coded !== null) return at + coded[0].length;
  if (/[1-9]/.test(next)) return `the back-reference \\${next} is not supported`;
  return escapes.test(next) || /[^A-Za-z0-9]/.test(next) ? at + 2 : `\\${next} is no escape`;
}

function characterClass(scan: Scan): string | undefined {
  const { text } = scan;
  let at = scan.at + (text[scan.at + 1] === '^' ? 2 : 1);
  const begin = at;
  while (at < text.length && (text[at] !== ']' || at === begin)) {
    const named = classNames.exec(text.slice(at, at + 16));
    if (text.startsWith('[:', at) && named === null && text.includes(':]', at)) return 'an unknown class name [:...:]';
    const end = named !== null ? at + named[0].length : memberEnd(text, at);
    if (typeof end === 'string') return end;
    if (text[end] === '-' && text[end + 1] !== ']' && end + 1 < text.length) {
      const rangeEnd = memberEnd(text, end + 1);
      if (typeof rangeEnd === 'string') return rangeEnd;
      if (rangeEnd === end + 2 && end === at + 1 && (text[end + 1] ?? '') < (text[at] ?? ''))
        return `the range ${text.slice(at, rangeEnd)} is the wrong way round`;
      at = rangeEnd;
    } else {
      at = end;
    }
  }
  if (at >= text.length) return 'a closing ] is missing';
  scan.at = at + 1;
  scan.operand = atom;
  return undefined;
}

const memberEnd = (text: string, at: number): number | string => (text[at] === '\\' ? escapeEnd(text, at) : at + 1);

function counted(scan: Scan): string | undefined {
  const count = /^\{(\d{1,9})(,(\d{0,9}))?\}/.exec(scan.text.slice(scan.at, scan.at + 24));
  if (count === null) {
    scan.at += 1; // a brace that counts nothing is itself
    scan.operand = atom;
    return undefined;
  }
  const [whole, least = '', , most = ''] = count;
  scan.at += whole.length;
  const highest = Math.max(Number(least), Number(most));
  if (highest > mostRepeats) return `a repetition may count to ${mostRepeats}`;
  if (most !== '' && Number(most) < Number(least)) return `${whole} counts the wrong way round`;
  return repeat(scan, whole, Math.max(highest, 1));
}

function repeat(scan: Scan, operator: string, count: number): string | undefined {
  const { operand } = scan;
  if (operand.state === 'repeated') return `${operator} repeats a repetition`;
  if (operand.state === 'nothing') return `nothing stands before ${operator}`;
  if (scan.text[scan.at] === '?') scan.at += 1; // lazy
  const total = operand.count * count;
  if (total > mostRepeats) return `nested repetitions count to more than ${mostRepeats}`;
  scan.operand = { state: 'repeated', count: total };
  scan.highest = Math.max(scan.highest, total);
  return undefined;
}
