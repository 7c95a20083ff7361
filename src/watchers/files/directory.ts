// A directory (or one file) as a source of configuration: read, watched, and read again when something changed, as soon
// as writing has paused for a moment. Notifications of the file system can be lost, so there is a slow look besides.
import type { FSWatcher } from 'node:fs';
import type { Problem } from '../../model/problem.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { Scan } from './config-files.ts';
import type { RuleContext } from '../rules/rule.ts';
import { watch } from 'node:fs';
import { basename } from 'node:path';
import { canonicalJson } from '../canonical-json.ts';
import { joinFiles } from './config-file.ts';
import { sameFiles, scan } from './config-files.ts';
import { withDerivedSlices } from '../endpoint-slices.ts';
import { Store } from '../store.ts';

/** `since`: when reading began, in milliseconds since 1970. */
export type OnChange = (snapshot: Snapshot, problems: readonly Problem[], since: number) => void;

export interface WatchOptions {
  /** Ends the watching. */
  readonly signal: AbortSignal;
  readonly context?: RuleContext;
  /** Milliseconds between two looks at the directory without a notification. */
  readonly rescanMs?: number;
}

const settleMs = 30;
const mostLooks = 10;

/**
 * Calls `onChange` with what `path` holds, once before the promise resolves, and again whenever the objects or the
 * problems have changed. A file that cannot be read, or an object that is refused, leaves what was good in force.
 */
export async function watchDirectory(path: string, onChange: OnChange, options: WatchOptions): Promise<void> {
  const { signal, rescanMs = 5000 } = options;
  let settling: NodeJS.Timeout | undefined;
  const notified = (): void => {
    settling ??= setTimeout(() => {
      settling = undefined;
      void reload();
    }, settleMs);
  };
  const watches = new FolderWatches(notified);
  const reload = oneAtATime(loader(path, onChange, options, watches));
  await reload();
  const rescan = setInterval(() => void reload(), rescanMs);
  const stop = (): void => {
    clearInterval(rescan);
    clearTimeout(settling);
    watches.close();
  };
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
}

/** Reads what changed, and reports it if it means anything else than before. */
function loader(path: string, onChange: OnChange, { signal, context }: WatchOptions, watches: FolderWatches) {
  const store = new Store();
  let last: Scan | undefined;
  let reported = '';
  return async (): Promise<void> => {
    const since = Date.now();
    let found = await scan([path], last, context);
    // What happened in a folder before it was watched is only seen by looking again.
    for (let looks = 0; watches.set(found.folders) && looks < mostLooks; looks++)
      found = await scan([path], found, context);
    const unchanged = last !== undefined && sameFiles(last, found);
    last = found;
    if (unchanged || signal.aborted) return;
    const { objects, problems } = joinFiles(found.files);
    const before = store.snapshot;
    const snapshot = store.apply('directory', withDerivedSlices(objects));
    const report = canonicalJson(problems);
    if (reported !== '' && snapshot === before && report === reported) return;
    reported = report;
    onChange(snapshot, problems, since);
  };
}

/** `run`, never twice at once: a call during a run causes one more after it. */
function oneAtATime(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let again = false;
  const runAll = async (): Promise<void> => {
    while (again) {
      again = false;
      await run();
    }
  };
  return () => {
    again = true;
    running ??= runAll().finally(() => (running = undefined));
    return running;
  };
}

/**
 * A watch on each folder. Node's own recursive watching is not used: on Linux it loses changes in folders that have
 * just come into being, and of symbolic links.
 */
class FolderWatches {
  readonly #notified: () => void;
  readonly #watchers = new Map<string, FSWatcher>();
  #closed = false;

  constructor(notified: () => void) {
    this.#notified = notified;
  }

  /** Watches exactly `folders`, as far as the system lets us. True when one of them was not watched before. */
  set(folders: readonly string[]): boolean {
    const wanted = new Set(this.#closed ? [] : folders);
    for (const folder of this.#watchers.keys()) if (!wanted.has(folder)) this.#drop(folder);
    const added = [...wanted].filter((folder) => !this.#watchers.has(folder) && this.#add(folder));
    return added.length > 0;
  }

  close(): void {
    this.#closed = true;
    this.set([]);
  }

  #add(folder: string): boolean {
    try {
      const watcher = watch(folder, this.#notified).on('error', () => this.#drop(folder));
      // A folder that is deleted and made again has the same name but needs another watch.
      watcher.on(
        'change',
        (event, name) => void (event === 'rename' && name === basename(folder) && this.#drop(folder)),
      );
      this.#watchers.set(folder, watcher);
      return true;
    } catch {
      return false; // gone already, or no more watches to be had: the slow look remains
    }
  }

  #drop(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }
}
