// YAML (and so JSON) text as plain data that knows its lines. The `yaml` package reads tokens and nodes; making data of
// the nodes is done here, so that aliases, merge keys, duplicate keys and depth stay within limits.
// https://yaml.org/spec/1.2.2/
import type { FilePosition, Problem } from '../../model/problem.ts';
import type { FieldPath } from '../field-path.ts';
import type { Document, ParsedNode } from 'yaml';
import { Composer, Lexer, LineCounter, Parser, isMap, isScalar, isSeq } from 'yaml';
import { NodeReader, YamlFault } from './yaml-data.ts';

export interface YamlDocument {
  readonly raw: unknown;
  readonly position: FilePosition;
  /** Where the field at `path` stands, or the nearest part of the way to it that there is. */
  readonly locate: (path: FieldPath) => FilePosition;
}
type Read = { readonly documents: readonly YamlDocument[] } | { readonly problem: Problem };

const mostDocuments = 10_000;
const deepest = 64;

/** All documents of `text` but empty ones, or the first mistake. */
export function readYaml(text: string, file: string): Read {
  const lines = new LineCounter();
  const positionOf = (offset: number): FilePosition => {
    const { line, col } = lines.linePos(offset);
    return { file, ...(line > 0 && { line, column: col }) };
  };
  try {
    const documents: YamlDocument[] = [];
    for (const document of compose(text, lines)) {
      const [error] = document.errors;
      if (error) throw new YamlFault(error.message, error.pos[0]);
      if (documents.length === mostDocuments) throw new YamlFault(`more than ${mostDocuments} documents`, text.length);
      const raw = new NodeReader().read(document.contents);
      if (raw !== null) documents.push(toDocument(document, raw, positionOf));
    }
    return { documents };
  } catch (error) {
    const [message, offset] = faultOf(error);
    return { problem: { code: 'invalid-yaml', severity: 'error', message, position: positionOf(offset) } };
  }
}

type ParsedDocument = Document.Parsed;

function* compose(text: string, lines: LineCounter): Generator<ParsedDocument, void> {
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  const composer = new Composer({ prettyErrors: false, uniqueKeys: false, strict: true });
  const depth = depthGuard();
  for (const lexeme of new Lexer().lex(text)) {
    depth(lexeme, parser.offset);
    yield* parsed(composer, parser.next(lexeme));
  }
  yield* parsed(composer, parser.end());
  yield* composer.end() as Iterable<ParsedDocument>;
}

function* parsed(composer: Composer, tokens: ReturnType<Parser['next']>): Generator<ParsedDocument, void> {
  for (const token of tokens) {
    if (token.type === 'error') throw new YamlFault(token.message, token.offset);
    yield* composer.next(token) as Iterable<ParsedDocument>;
  }
}

/** Stops before a tree is built that is too deep to walk: brackets, and `- - -` or `? ?` within one line. */
function depthGuard(): (lexeme: string, offset: number) => void {
  let brackets = 0;
  let indicators = 0;
  return (lexeme, offset) => {
    if (lexeme === '[' || lexeme === '{') brackets++;
    else if (lexeme === ']' || lexeme === '}') brackets--;
    else if (lexeme === '-' || lexeme === '?') indicators++;
    else if (lexeme.includes('\n')) indicators = 0;
    if (brackets > deepest || indicators > deepest)
      throw new YamlFault(`nested more than ${deepest} levels deep`, offset);
  };
}

function faultOf(error: unknown): readonly [message: string, offset: number] {
  if (error instanceof YamlFault) return [error.message, error.offset];
  // The package's own recursion, over block collections nested thousands deep.
  if (error instanceof RangeError) return [`nested more than ${deepest} levels deep`, 0];
  throw error;
}

function toDocument(
  document: ParsedDocument,
  raw: unknown,
  positionOf: (offset: number) => FilePosition,
): YamlDocument {
  const start = document.contents?.range[0] ?? 0;
  return {
    raw,
    position: positionOf(start),
    locate: (path) => positionOf(offsetOf(document.contents, path, start)),
  };
}

function offsetOf(node: unknown, path: FieldPath, offset: number): number {
  const [part, ...rest] = path;
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === part);
    if (pair && isScalar(pair.key)) return offsetOf(pair.value, rest, pair.key.range?.[0] ?? offset);
  } else if (isSeq(node) && typeof part === 'number') {
    const item = node.items[part] as ParsedNode | undefined;
    if (item) return offsetOf(item, rest, item.range[0]);
  }
  return offset;
}
