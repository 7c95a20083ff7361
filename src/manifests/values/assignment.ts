// `--set a.b=1,c[0]=x,d={e,f}`: values on the command line, as Helm reads them.
// https://helm.sh/docs/intro/using_helm/#the-format-and-limitations-of---set
import type { Tree } from './values.ts';
import { isTree, merged } from './values.ts';

const longest = 65_536;
const deepest = 32;
const highestIndex = 1000;

/** The tree that `text` describes, or what is wrong with it. `verbatim`: everything is text, as with --set-string. */
export function readAssignments(text: string, verbatim = false): { readonly tree: Tree } | { readonly fault: string } {
  if (text.length > longest) return { fault: `longer than ${longest} characters` };
  let tree: Tree = {};
  for (const assignment of splitOutside(text, ',')) {
    const [name = '', ...rest] = splitOutside(assignment, '=');
    const keys = readPath(name);
    if (rest.length === 0 || keys === undefined) return { fault: `'${assignment}' is not of the form name=value` };
    const value = readValue(rest.join('='), verbatim);
    tree = merged(tree, placed(keys, value, tree) as Tree);
  }
  return { tree };
}

/** Splits where `separator` stands neither behind a backslash nor in braces. */
function splitOutside(text: string, separator: string): readonly string[] {
  const parts = [''];
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    const char = text.charAt(index);
    depth += char === '{' ? 1 : char === '}' ? -1 : 0;
    if (char === separator && depth <= 0) parts.push('');
    else parts[parts.length - 1] += char === '\\' ? char + text.charAt(++index) : char;
  }
  return parts;
}

const unescaped = (text: string): string => text.replace(/\\(.)/g, '$1');

/** `a.b[0].c` as ['a', 'b', 0, 'c']; a dot behind a backslash belongs to the name. */
function readPath(text: string): readonly (string | number)[] | undefined {
  const keys = splitOutside(text.trim(), '.').flatMap((part): (string | number)[] => {
    const [, name = '', indexes = ''] = /^((?:[^\\[\]]|\\.)*)((?:\[\d{1,4}\])*)$/.exec(part) ?? [];
    return [unescaped(name), ...[...indexes.matchAll(/\d+/g)].map(Number)];
  });
  const isUsable = keys.every((key) => (typeof key === 'number' ? key <= highestIndex : key !== ''));
  return isUsable && keys.length <= deepest ? keys : undefined;
}

function readValue(text: string, verbatim: boolean): unknown {
  if (text.startsWith('{') && text.endsWith('}')) {
    const inner = text.slice(1, -1);
    return inner === '' ? [] : splitOutside(inner, ',').map((item) => readValue(item, verbatim));
  }
  if (verbatim) return unescaped(text);
  if (text === 'null') return null;
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?(?:0|[1-9]\d{0,14})$/.test(text) ? Number(text) : unescaped(text);
}

/** `value` at `keys`, beside what a list there holds already. */
function placed(keys: readonly (string | number)[], value: unknown, before: unknown): unknown {
  const [key, ...rest] = keys;
  if (key === undefined) return value;
  if (typeof key === 'string') {
    const inner = typeof before === 'object' && before !== null ? (before as Tree)[key] : undefined;
    return { [key]: placed(rest, value, inner) };
  }
  const list: unknown[] = Array.isArray(before) ? [...(before as readonly unknown[])] : [];
  while (list.length <= key) list.push(null);
  const item = placed(rest, value, list[key]);
  list[key] = isTree(item) && isTree(list[key]) ? merged(list[key], item) : item;
  return list;
}
