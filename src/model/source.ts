// Where something comes from: an object that a user wrote, and the field of it. The currency of provenance,
// of problems and of `explain`.

/** One object, or one field of it. `path` is written as in `kubectl explain`: `spec.http[0].route[1].weight`. */
export interface SourceRef {
  /** What the object calls itself. */
  readonly kind: string;
  /** The API group, where that alone tells two kinds of one name apart. */
  readonly group?: string;
  readonly namespace: string;
  readonly name: string;
  readonly path?: string;
}

/** The same object, seen at a field below `ref`'s own path: at(ref, 'http[0]', 'timeout'). */
export function at(ref: SourceRef, ...path: readonly string[]): SourceRef {
  const joined = [ref.path, ...path].filter((part) => part !== undefined && part !== '').join('.');
  return joined === '' ? ref : { ...ref, path: joined };
}

/** `VirtualService shop/store-routes spec.http[0]`, the form every message and table uses; with its group `Gateway.<group>`. */
export function describeSource(ref: SourceRef): string {
  const kind = ref.group === undefined ? ref.kind : `${ref.kind}.${ref.group}`;
  const object = `${kind} ${ref.namespace === '' ? '' : `${ref.namespace}/`}${ref.name}`;
  return ref.path === undefined ? object : `${object} ${ref.path}`;
}
