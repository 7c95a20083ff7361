// Stand-ins for the public images that the Dockerfile and the demonstration in a kind cluster name, under the same names, so
// that `make image kind-up deploy kind-demo` can be run where no registry is reached. What `npm ci` would download while
// the image is built is in npm's own cache within the stand-in.
import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { cached, fingerprint } from './cache.ts';
import { output } from './command.ts';
import { rootFileSystem } from './debian.ts';
import { docker } from './docker.ts';
import { importImage, writeProgramRoot } from './images.ts';

type Report = (line: string) => void;

const repository = resolve(import.meta.dirname, '..', '..');
const debian = 'keelson-debian:latest';
const builder = 'node:24-bookworm-slim';
/** What the demonstration's manifests name. */
export const demoImages = { shop: 'hashicorp/http-echo:1.0', caller: 'curlimages/curl:8.10.1' } as const;

/** Makes all of them. */
export async function makeStandIns(report: Report): Promise<void> {
  report('Making stand-ins for public images ...');
  await docker('import', await rootFileSystem(['iptables', 'ca-certificates', 'curl']), debian);
  const directory = await mkdtemp(join(tmpdir(), 'keelson-stand-ins-'));
  try {
    await makeBuilder(join(directory, 'builder'), report);
    await docker('tag', debian, demoImages.caller);
    await makeEcho(join(directory, 'echo'));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Node, npm, and everything that package-lock.json names. */
async function makeBuilder(context: string, report: Report): Promise<void> {
  await mkdir(context);
  await cp(process.execPath, join(context, 'node'));
  const npm = dirname(dirname(await realpath((await output('which', ['npm'])).trim())));
  await cp(npm, join(context, 'npm'), { recursive: true, dereference: true });
  await cp(await packageCache(report), join(context, 'packages'), { recursive: true });
  await writeFile(
    join(context, 'Dockerfile'),
    [
      `FROM ${debian}`,
      'COPY node /usr/local/bin/node',
      'COPY npm /usr/local/lib/node_modules/npm',
      'COPY packages /packages',
      'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm',
      'ENV npm_config_cache=/packages npm_config_offline=true',
      '',
    ].join('\n'),
  );
  await docker('build', '--tag', builder, context);
}

/** A cache of npm's with which `npm ci` works offline. */
const packageCache = async (report: Report): Promise<string> => {
  const sources = ['package.json', 'package-lock.json', '.npmrc'].map((file) => join(repository, file));
  return cached(`packages-${await fingerprint([], sources)}`, async (path) => {
    report('Downloading packages (once) ...');
    const scratch = await mkdtemp(join(tmpdir(), 'keelson-packages-'));
    try {
      for (const file of sources) await cp(file, join(scratch, file.slice(repository.length)));
      await output('npm', ['ci', '--loglevel=error', '--cache', path], {
        cwd: scratch,
        env: { npm_config_cache: path },
      });
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
};

/** Answers every request with a text. */
async function makeEcho(root: string): Promise<void> {
  await writeProgramRoot(root, { 'usr/bin/node': process.execPath });
  await cp(join(repository, 'test', 'cluster', 'apps', 'echo.ts'), join(root, 'echo.ts'));
  await importImage(demoImages.shop, root, ['USER 65534:65534', 'ENTRYPOINT ["/usr/bin/node", "/echo.ts"]']);
}
