// A directory (or one file) as a source of configuration: read, watched, and read again when something changed, as soon
// as writing has paused for a moment. Notifications of the file system can be lost, so there is a slow look besides.
import type { FSWatcher } from 'node:fs';
import type { Problem } from '../model/problem.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { Scan } from './config-files.ts';
import type { RuleContext } from './rules/rule.ts';
import { watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { canonicalJson } from './canonical-json.ts';
import { joinFiles } from './config-file.ts';
import { sameScan, scan } from './config-files.ts';
import { withDerivedSlices } from './endpoint-slices.ts';
import { Store } from './store.ts';

export type OnChange = (snapshot: Snapshot, problems: readonly Problem[]) => void;

export interface WatchOptions {
  /** Ends the watching. */
  readonly signal: AbortSignal;
  readonly context?: RuleContext;
  /** Milliseconds between two looks at the directory without a notification. */
  readonly rescanMs?: number;
}

const settleMs = 30;

/**
 * Calls `onChange` with what `path` holds, once before the promise resolves, and again whenever the objects or the
 * problems have changed. A file that cannot be read, or an object that is refused, leaves what was good in force.
 */
export async function watchDirectory(path: string, onChange: OnChange, options: WatchOptions): Promise<void> {
  const { signal, rescanMs = 5000 } = options;
  const reload = reloader(path, onChange, options);
  let settling: NodeJS.Timeout | undefined;
  const notified = (): void => void (settling ??= setTimeout(() => ((settling = undefined), void reload()), settleMs));
  const watcher = keepWatching(path, notified);
  await reload();
  await watcher.ensure();
  const rescan = setInterval(() => void watcher.ensure().then(reload), rescanMs);
  const stop = (): void => {
    clearInterval(rescan);
    clearTimeout(settling);
    watcher.close();
  };
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
}

/** Reads what changed, one run at a time; a call during a run causes one more after it. */
function reloader(path: string, onChange: OnChange, { signal, context }: WatchOptions): () => Promise<void> {
  const store = new Store();
  let files: Scan | undefined;
  let reported = '';
  const load = async (): Promise<void> => {
    const found = await scan([path], files, context);
    const unchanged = files !== undefined && sameScan(files, found);
    files = found;
    if (unchanged || signal.aborted) return;
    const { objects, problems } = joinFiles(found);
    const before = store.snapshot;
    const snapshot = store.apply('directory', withDerivedSlices(objects));
    const report = canonicalJson(problems);
    const isFirst = reported === '';
    if (!isFirst && snapshot === before && report === reported) return;
    reported = report;
    onChange(snapshot, problems);
  };
  let running: Promise<void> | undefined;
  let again = false;
  return () => {
    again = true;
    running ??= (async () => {
      while (again) {
        again = false;
        await load();
      }
    })().finally(() => (running = undefined));
    return running;
  };
}

interface Watching {
  /** Starts, or starts again after an error: the directory may come into being later. */
  readonly ensure: () => Promise<void>;
  readonly close: () => void;
}

function keepWatching(path: string, notified: () => void): Watching {
  let watcher: FSWatcher | undefined;
  let closed = false;
  const drop = (): void => {
    watcher?.close();
    watcher = undefined;
  };
  return {
    ensure: async () => {
      if (watcher !== undefined || closed) return;
      try {
        const recursive = (await stat(path)).isDirectory();
        if (closed) return;
        // A file is replaced by renaming another over it: only its directory tells.
        watcher = watch(recursive ? path : dirname(path), { recursive }, notified).on('error', drop);
      } catch {
        drop(); // not there, or no more watches to be had: the slow look remains
      }
    },
    close: () => {
      closed = true;
      drop();
    },
  };
}
