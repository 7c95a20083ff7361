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
  /**
   * A topic, and what is noted; then the next. Or by topic. Most have one or two: such lists have no room for more, as those
   * have that grow.
   */
  #notes: unknown[] | Map<object, unknown>;

  constructor(object: object, topic: object, note: unknown) {
    super(object);
    this.#notes = [topic, note];
  }

  static read(object: object, topic: object): unknown {
    if (!(#notes in object)) return undefined;
    const notes = object.#notes;
    if (!Array.isArray(notes)) return notes.get(topic);
    const at = notes.indexOf(topic);
    return at < 0 ? undefined : notes[at + 1];
  }

  static write(object: object, topic: object, note: unknown): void {
    if (!(#notes in object)) return void new Notes(object, topic, note);
    const notes = object.#notes;
    if (!Array.isArray(notes)) return void notes.set(topic, note);
    const at = notes.indexOf(topic);
    if (at >= 0) notes[at + 1] = note;
    else if (notes.length < 2 * few) object.#notes = notes.concat([topic, note]);
    else object.#notes = filed(notes).set(topic, note);
  }
}

function filed(notes: readonly unknown[]): Map<object, unknown> {
  const byTopic = new Map<object, unknown>();
  for (let at = 0; at < notes.length; at += 2) byTopic.set(notes[at] as object, notes[at + 1]);
  return byTopic;
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
