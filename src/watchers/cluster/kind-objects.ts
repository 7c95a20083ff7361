// The objects of one kind of a cluster on their way into the store: parsed one by one, with what is wrong with them.
import type { KubernetesObject } from '../../kubernetes/resource.ts';
import type { Change } from '../../kubernetes/reflector.ts';
import type { ObjectKey } from '../../model/object.ts';
import type { Problem } from '../../model/problem.ts';
import type { AnyObject } from '../../model/schema/index.ts';
import type { KindRow } from '../kinds.ts';
import type { ParseResult } from '../parse.ts';
import type { RuleContext } from '../rules/rule.ts';
import type { Store } from '../store.ts';
import { objectKey } from '../../model/object.ts';
import { parse } from '../parse.ts';
import { ParsedObjects } from './parsed-objects.ts';
import { relevant } from './relevant.ts';
import { isOfRevision } from './revision.ts';

interface Settings {
  readonly systemNamespace: string;
  readonly revision: string;
  readonly context?: RuleContext;
}

/** Of another revision: not there, for this one. */
const foreign: ParseResult = { problems: [] };

export class KindObjects {
  readonly row: KindRow;
  readonly #store: Store;
  readonly #settings: Settings;
  readonly #source: string;
  readonly #parsed: ParsedObjects;
  #problems = new Map<ObjectKey, readonly Problem[]>();

  constructor(row: KindRow, store: Store, settings: Settings) {
    this.row = row;
    this.#store = store;
    this.#settings = settings;
    this.#source = `cluster/${row.kind}`;
    this.#parsed = new ParsedObjects(row);
  }

  problems(): readonly Problem[] {
    return [...this.#problems.values()].flat();
  }

  read(object: KubernetesObject): ParseResult {
    const { systemNamespace, revision, context } = this.#settings;
    if (!isOfRevision(this.row, object.metadata, revision)) return foreign;
    const { namespace = '', name = '' } = object.metadata;
    const slim = relevant(object, this.row.kind, systemNamespace);
    return this.#parsed.result(objectKey(namespace, name), slim, () =>
      parse(slim, context === undefined ? {} : { context }),
    );
  }

  replace(results: ReadonlyMap<ObjectKey, ParseResult>): void {
    this.#problems = new Map();
    this.#parsed.keep(results);
    const objects = [...results].flatMap(([key, result]) => this.#take(key, result, this.#inForce(key)) ?? []);
    this.#store.apply(this.#source, objects);
  }

  /** Whether objects or problems are others now. */
  change(changes: readonly Change<ParseResult>[]): boolean {
    const { snapshot } = this.#store;
    const objects = new Map<ObjectKey, AnyObject | undefined>();
    let isToldOtherwise = false;
    for (const { key, value } of changes) {
      const told = this.#problems.get(key);
      this.#problems.delete(key);
      if (value === undefined) this.#parsed.forget(key);
      const before = objects.has(key) ? objects.get(key) : this.#inForce(key);
      objects.set(key, value && this.#take(key, value, before));
      isToldOtherwise ||= this.#problems.get(key) !== told;
    }
    return this.#store.change(this.#source, this.row.kind, objects) !== snapshot || isToldOtherwise;
  }

  /** The object that counts from now on. One that is refused now may have been fine `before`. */
  #take(key: ObjectKey, result: ParseResult, before?: AnyObject): AnyObject | undefined {
    if (result === foreign) return undefined;
    const { object, problems } = result;
    const kept = object ?? before;
    if (problems.length > 0)
      this.#problems.set(key, object === undefined && kept !== undefined ? problems.map(keptNote) : problems);
    return kept;
  }

  #inForce(key: ObjectKey): AnyObject | undefined {
    return this.#store.snapshot.objects[this.row.kind].get(key);
  }
}

const keptNote = (problem: Problem): Problem =>
  problem.severity === 'error'
    ? { ...problem, message: `${problem.message}; its last good version stays in force` }
    : problem;
