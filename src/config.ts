// What the environment says: the only file that reads it.
// https://specifications.freedesktop.org/basedir-spec/latest/
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Where a daemon in directory mode keeps what must outlive it: the root of its CA, which its tokens depend on as well.
 * `serve` and `bootstrap` share it, so that what one issues the other accepts.
 */
export const defaultStateDirectory = (): string =>
  join(process.env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'keelson');
