// What objects were parsed to, for as long as they say the same. Most of what a watch tells of kinds with a status that nobody
// here reads are such statuses, ours among them: they cost one look at the text instead of all checks once more.
import type { KubernetesObject } from '../../kubernetes/resource.ts';
import type { ObjectKey } from '../../model/object.ts';
import type { KindRow } from '../kinds.ts';
import type { ParseResult } from '../parse.ts';
import { hash } from 'node:crypto';
import { bodySchemas } from '../../model/schema/index.ts';
import { metadataFields } from '../metadata.ts';

interface Parsed {
  readonly text: string;
  readonly result: ParseResult;
}

export class ParsedObjects {
  readonly #isKept: boolean;
  readonly #statusFields: readonly string[];
  readonly #known = new Map<ObjectKey, Parsed>();

  constructor({ kind, group }: KindRow) {
    // Kubernetes' core has many objects, and nobody writes a status there that is not read.
    this.#isKept = group !== '' && kind !== 'EndpointSlice';
    this.#statusFields = readStatusFields(bodySchemas[kind]);
  }

  /** The very result of last time if all that parsing reads of the object is the same, else what `parse` returns. */
  result(key: ObjectKey, object: KubernetesObject, parse: () => ParseResult): ParseResult {
    if (!this.#isKept) return parse();
    const text = this.#textOf(object);
    if (text === undefined) return parse();
    const known = this.#known.get(key);
    if (known?.text === text) return known.result;
    const result = parse();
    this.#known.set(key, { text, result });
    return result;
  }

  forget(key: ObjectKey): void {
    this.#known.delete(key);
  }

  /** All others are gone. */
  keep(keys: { has(key: ObjectKey): boolean }): void {
    for (const key of this.#known.keys()) if (!keys.has(key)) this.#known.delete(key);
  }

  /** A digest: the text itself would be all objects a second time. */
  #textOf({ metadata, status, ...body }: KubernetesObject): string | undefined {
    const said = [pick(metadata, metadataFields), body, pick(status ?? {}, this.#statusFields)];
    try {
      return hash('sha256', JSON.stringify(said), 'base64');
    } catch (error) {
      // Nested so deeply that the stack does not suffice: parsing refuses it.
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }
}

/** A version counts only what is different elsewhere. */
const pick = (object: object, fields: readonly string[]): readonly unknown[] =>
  fields.map((field) => (object as Readonly<Record<string, unknown>>)[field] ?? null);

function readStatusFields(schema: unknown): readonly string[] {
  const { properties } = schema as { readonly properties?: { readonly status?: { readonly properties?: object } } };
  return Object.keys(properties?.status?.properties ?? {});
}
