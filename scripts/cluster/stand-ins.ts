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
import { imageByContent, importImage, writeProgramRoot } from './images.ts';

type Report = (line: string) => void;

const repository = resolve(import.meta.dirname, '..', '..');
const debian = 'keelson-debian:latest';
const builder = 'node:24-bookworm-slim';
/** What the demonstration's manifests name. */
export const demoImages = { shop: 'hashicorp/http-echo:1.0', caller: 'curlimages/curl:8.10.1' } as const;

/** Makes all of them. */
export async function makeStandIns(report: Report): Promise<void> {
  report('Making stand-ins for public images ...');
  const system = await rootFileSystem(['iptables', 'ca-certificates', 'curl']);
  await imageByContent(debian, await fingerprint([system]), async (image) => {
    await docker('import', system, image);
  });
  await docker('tag', debian, demoImages.caller);
  await makeBuilder(system, report);
  const echo = [join(repository, 'test', 'cluster', 'apps', 'echo.ts'), import.meta.filename];
  await imageByContent(demoImages.shop, await fingerprint([process.version], echo), makeEcho);
}

/** Node, npm, and everything that package-lock.json names. */
async function makeBuilder(system: string, report: Report): Promise<void> {
  const npm = dirname(dirname(await realpath((await output('which', ['npm'])).trim())));
  const packages = await packageCache(report);
  const texts = [process.version, await output('npm', ['--version']), system, packages];
  await imageByContent(builder, await fingerprint(texts, [import.meta.filename]), async (image, context) => {
    await mkdir(context);
    await cp(process.execPath, join(context, 'node'));
    await cp(npm, join(context, 'npm'), { recursive: true, dereference: true });
    await cp(packages, join(context, 'packages'), { recursive: true });
    await writeFile(join(context, 'Dockerfile'), builderSteps);
    await docker('build', '--tag', image, context);
  });
}

const builderSteps = `FROM ${debian}
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
COPY packages /packages
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
ENV npm_config_cache=/packages npm_config_offline=true
`;

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
async function makeEcho(image: string, root: string): Promise<void> {
  await writeProgramRoot(root, { 'usr/bin/node': process.execPath });
  await cp(join(repository, 'test', 'cluster', 'apps', 'echo.ts'), join(root, 'echo.ts'));
  await importImage(image, root, ['USER 65534:65534', 'ENTRYPOINT ["/usr/bin/node", "/echo.ts"]']);
}
