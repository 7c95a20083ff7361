// Filters that only Istio's own Envoy has: patches are written to stand before or after them. While a list is patched they
// are in their places, empty; then they are taken out again.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/

export interface Anchor {
  readonly name: string;
  /** Of several after the same filter the last one given comes first. */
  readonly place: 'first' | { readonly after: string };
}

interface Named {
  readonly name?: string;
}

/** An anchor that has no place in the list is left out. */
export function withAnchors<F extends Named>(filters: readonly F[], anchors: readonly Anchor[]): readonly F[] {
  return anchors.reduce<readonly F[]>((list, { name, place }) => {
    const index = place === 'first' ? -1 : list.findIndex((filter) => filter.name === place.after);
    return place !== 'first' && index < 0 ? list : list.toSpliced(index + 1, 0, anchor<F>(name));
  }, filters);
}

export const withoutAnchors = <F extends Named>(filters: readonly F[], anchors: readonly Anchor[]): readonly F[] =>
  anchors.length === 0 ? filters : filters.filter((filter) => !made.has(filter));

const made = new WeakSet<object>();

function anchor<F extends Named>(name: string): F {
  const filter = { name } as F;
  made.add(filter);
  return filter;
}
