// What a cluster full of Envoys needs of the kernel beyond its usual limits: each thread of an Envoy watches files by an
// inotify instance of its own, all Pods count as one user, and an Envoy that gets none ends at once.
// https://kind.sigs.k8s.io/docs/user/known-issues/#pod-errors-due-to-too-many-open-files
import { readFile, writeFile } from 'node:fs/promises';

const instances = '/proc/sys/fs/inotify/max_user_instances';
const needed = 4096;

/** Raises the limit until the machine is started again, and says so. A limit that may not be raised is only told of. */
export async function raiseLimits(report: (line: string) => void): Promise<void> {
  const allowed = Number(await readFile(instances, 'utf8'));
  if (allowed >= needed) return;
  try {
    await writeFile(instances, String(needed));
    report(`Raised fs.inotify.max_user_instances from ${allowed} to ${needed}, until the next start of this machine.`);
  } catch {
    report(`fs.inotify.max_user_instances is ${allowed}: that is too little for more than ${allowed / 4} Envoys.`);
  }
}
