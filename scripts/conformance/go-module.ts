// Programs and files of Gateway API's Go modules, and of our own that its suite needs.
import { join, resolve } from 'node:path';

import { cached, fingerprint } from '../cluster/cache.ts';
import { output } from '../cluster/command.ts';

const sources = resolve(import.meta.dirname, '..', '..', 'test', 'conformance');
const go = { env: { CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' }, timeoutMs: 40 * 60_000 };

type Report = (line: string) => void;

/** The path of a program of test/conformance/FOLDER, made by `go build` or `go test -c` when it is not in the cache. */
export async function program(
  name: string,
  folder: 'echo' | 'tools',
  command: readonly string[],
  report: Report,
): Promise<string> {
  const cwd = join(sources, folder);
  return cached(`${name}-${await fingerprint(command, [cwd])}`, async (path) => {
    report(`Building ${name} from its Go modules (once) ...`);
    const [verb = '', ...rest] = command;
    const what = rest.at(-1) ?? '.';
    const flags = [...rest.slice(0, -1), '-buildvcs=false', '-trimpath', '-ldflags', '-s -w', '-o', path];
    await output('nice', ['go', verb, ...flags, what], { ...go, cwd });
  });
}

/** Where a module of test/conformance/tools is, downloaded if need be. */
export async function moduleDirectory(name: string): Promise<string> {
  const options = { ...go, cwd: join(sources, 'tools') };
  await output('go', ['mod', 'download', name], options);
  return (await output('go', ['list', '-m', '-f', '{{.Dir}}', name], options)).trim();
}
