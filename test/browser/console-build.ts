// What `make build` does for the console.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const buildConsole = async (): Promise<void> =>
  void (await promisify(execFile)(process.execPath, [join(import.meta.dirname, '../../scripts/console.ts')]));
