// Which patches found something to change, counted while one resource is patched.
import type { Patch } from './patch.ts';

export interface Tally {
  /** A patch as often as there were places that it matched. */
  readonly hits: Patch[];
}

export const newTally = (): Tally => ({ hits: [] });

export function hit({ hits }: Tally, patch: Patch): void {
  hits.push(patch);
}
