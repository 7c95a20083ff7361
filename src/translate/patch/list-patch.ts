// Patches that put something into a list, or take something out: filters of all kinds and routes.
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/#EnvoyFilter-Patch-Operation
import type { Patch } from './patch.ts';
import type { Tally } from './tally.ts';
import { hit } from './tally.ts';

export interface ListRules<T> {
  /** Whether the patch says which element it is about. */
  readonly names: (patch: Patch) => boolean;
  /** Whether the element is the one it is about. */
  readonly isMeant: (patch: Patch, element: T) => boolean;
  /** Insertion at the front also waits for that element. */
  readonly firstNeedsElement: boolean;
}

/** `elements` after one patch; the very same list if it changes nothing. MERGE is not a matter of the list. */
export function patchList<T extends object>(
  elements: readonly T[],
  patch: Patch,
  { names, isMeant, firstNeedsElement }: ListRules<T>,
  tally: Tally,
): readonly T[] {
  const value = patch.value as T;
  const named = names(patch);
  const index = named ? elements.findIndex((element) => isMeant(patch, element)) : -1;
  const changed = ((): readonly T[] | undefined => {
    switch (patch.operation) {
      case 'ADD':
        return [...elements, value];
      case 'INSERT_FIRST':
        return firstNeedsElement && named && index < 0 ? undefined : [value, ...elements];
      case 'INSERT_BEFORE':
        if (!named) return [value, ...elements];
        return index < 0 ? undefined : elements.toSpliced(index, 0, value);
      case 'INSERT_AFTER':
        if (!named) return [...elements, value];
        return index < 0 ? undefined : elements.toSpliced(index + 1, 0, value);
      case 'REPLACE':
        return index < 0 ? undefined : elements.with(index, value);
      case 'REMOVE':
        return index < 0 ? undefined : elements.filter((element) => !isMeant(patch, element));
      default:
        return undefined;
    }
  })();
  if (changed === undefined) return elements;
  hit(tally, patch);
  return changed;
}
