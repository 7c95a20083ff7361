// Nodes of a YAML document as plain data. An alias yields the very value of its anchor, so a text of n characters never
// becomes more than n values in memory; how large the data is when written out is measured by who uses it.
// https://yaml.org/spec/1.2.2/#3222-anchors-and-aliases, https://yaml.org/type/merge.html
import { isAlias, isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml';

/** A mistake at a character offset of the text. */
export class YamlFault extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

const mostMerged = 500_000;

export class NodeReader {
  readonly #anchors = new Map<string, unknown>();
  #merged = 0;

  read(node: unknown): unknown {
    if (node === null || node === undefined) return null;
    const value = this.#content(node);
    if (!isAlias(node) && isNodeWithAnchor(node)) this.#anchors.set(node.anchor, value);
    return value;
  }

  #content(node: unknown): unknown {
    if (isScalar(node)) return node.value;
    if (isSeq(node)) return node.items.map((item) => this.read(item));
    if (isMap(node)) return this.#map(node);
    if (isAlias(node)) {
      if (!this.#anchors.has(node.source))
        throw new YamlFault(`there is no anchor &${node.source} before`, offset(node));
      return this.#anchors.get(node.source);
    }
    throw new YamlFault('not a value', 0);
  }

  #map(map: YAMLMap): object {
    const entries = new Map<string, unknown>();
    const merged: [string, unknown][] = [];
    for (const { key, value } of map.items) {
      if (!isScalar(key)) throw new YamlFault('a key must be a plain text', offset(key as Node));
      const name = String(key.value);
      if (key.value === '<<' && key.type === 'PLAIN') {
        merged.push(...this.#merge(this.read(value), offset(key)));
      } else {
        if (entries.has(name)) throw new YamlFault(`the key "${name}" is there twice`, offset(key));
        entries.set(name, this.read(value));
      }
    }
    for (const [name, value] of merged) if (!entries.has(name)) entries.set(name, value);
    return Object.fromEntries(entries);
  }

  /** The entries that `<<: value` brings in: of a map, or of a list of maps, of which the first has precedence. */
  #merge(value: unknown, at: number): [string, unknown][] {
    const sources: unknown[] = Array.isArray(value) ? value : [value];
    return sources.flatMap((source) => {
      if (typeof source !== 'object' || source === null) throw new YamlFault('<< takes a map', at);
      const entries = Object.entries(source) as [string, unknown][];
      this.#merged += entries.length;
      if (this.#merged > mostMerged) throw new YamlFault(`more than ${mostMerged} merged values`, at);
      return entries;
    });
  }
}

const isNodeWithAnchor = (node: unknown): node is { readonly anchor: string } =>
  typeof (node as { anchor?: unknown }).anchor === 'string';

const offset = (node: Node | null): number => node?.range?.[0] ?? 0;
