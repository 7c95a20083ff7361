// What is known of an object, kept in the object itself: in a private field that nobody else sees, that is not copied, and
// that lives as long as the object does. A WeakMap means the same, but V8 looks at every entry of every WeakMap whenever it
// collects young objects, and where each change makes thousands of entries that takes longer than everything else.
// https://developer.mozilla.org/en-US/docs/Web/JavaScript/Reference/Classes/Private_elements

/** A constructor of what it is given: so the fields of a class that extends it are that object's. */
const Given = function (object: object): object {
  return object;
} as unknown as new (object: object) => object;

/** More topics than that are looked up by hash. */
const few = 8;

class Notes extends Given {
  /** A topic, and what is noted; then the next. */
  #few: unknown[] = [];
  #many: Map<object, unknown> | undefined;

  static read(object: object, topic: object): unknown {
    if (!(#few in object)) return undefined;
    if (object.#many !== undefined) return object.#many.get(topic);
    const at = object.#few.indexOf(topic);
    return at < 0 ? undefined : object.#few[at + 1];
  }

  static write(object: object, topic: object, note: unknown): void {
    const notes = #few in object ? object : new Notes(object);
    const at = notes.#many === undefined ? notes.#few.indexOf(topic) : -1;
    if (at >= 0) notes.#few[at + 1] = note;
    else if (notes.#many !== undefined) notes.#many.set(topic, note);
    else if (notes.#few.length < 2 * few) notes.#few.push(topic, note);
    else notes.#file(topic, note);
  }

  #file(topic: object, note: unknown): void {
    this.#many = new Map([[topic, note]]);
    for (let at = 0; at < this.#few.length; at += 2) this.#many.set(this.#few[at] as object, this.#few[at + 1]);
    this.#few = [];
  }
}

/** One thing that can be noted of objects. Objects that are frozen can be, too. */
export class Topic<V> {
  /** What was noted last; undefined if nothing was. */
  of(object: object): V | undefined {
    return Notes.read(object, this) as V | undefined;
  }

  note(object: object, value: V): void {
    Notes.write(object, this, value);
  }
}
