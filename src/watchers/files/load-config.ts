// Configuration from files and directories, once: for the commands that work offline.
import type { Problem } from '../../model/problem.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { RuleContext } from '../rules/rule.ts';
import { joinFiles } from './config-file.ts';
import { emptyScan, scan } from './config-files.ts';
import { withDerivedSlices } from '../endpoint-slices.ts';
import { Store } from '../store.ts';

export interface LoadedConfig {
  readonly snapshot: Snapshot;
  /** Of the objects and files that were left out, and warnings. */
  readonly problems: readonly Problem[];
}

/** Everything in `paths`. A path that cannot be read is a problem, not an error. */
export async function loadConfig(paths: readonly string[], context?: RuleContext): Promise<LoadedConfig> {
  const { objects, problems } = joinFiles((await scan(paths, emptyScan, context)).files);
  const snapshot = new Store().apply('files', withDerivedSlices(objects));
  return { snapshot, problems };
}
