// The meaning of `exportTo`.

/** Which namespaces may use something: all, none, or those listed. */
export interface Visibility {
  readonly everywhere: boolean;
  readonly namespaces: readonly string[];
}
