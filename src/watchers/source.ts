// Where objects come from, a directory or a cluster, as the daemon sees it.
import type { Problem } from '../model/problem.ts';
import type { Snapshot } from '../model/snapshot.ts';

/** All objects, and all problems there are with them. Whoever returns a promise is told of nothing more until it settles. */
export type OnChange = (snapshot: Snapshot, problems: readonly Problem[]) => void | Promise<void>;

/** Resolves when everything has been read once and `onChange` has been told, which goes on until `signal`. */
export type Source = (onChange: OnChange, signal: AbortSignal) => Promise<void>;
