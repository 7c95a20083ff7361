// The images that the suite's manifests name, made of programs built here, under whichever tags they are named by.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { cacheDirectory } from '../cluster/cache.ts';
import { output } from '../cluster/command.ts';
import { docker, imageExists, inside } from '../cluster/docker.ts';
import { goProgram } from '../cluster/go-programs.ts';
import { importImage, writeProgramRoot } from '../cluster/images.ts';
import { moduleDirectory, program } from './go-module.ts';

type Report = (line: string) => void;

/** Makes the images and gives them to the nodes. */
export async function loadStandIns(report: Report): Promise<void> {
  const names = await namedImages();
  const directory = await mkdtemp(join(tmpdir(), 'keelson-conformance-'));
  try {
    for (const [part, programs] of Object.entries(await standIns(report))) {
      const root = join(directory, part.replaceAll('/', '').replace(':', ''));
      await writeProgramRoot(root, programs);
      for (const name of names.filter((one) => one.includes(part)))
        await importImage(name, root, [`ENTRYPOINT ["/${Object.keys(programs)[0]}"]`]);
    }
    for (const name of names) if (!(await imageExists(name))) throw new Error(`There is no stand-in for ${name}.`);
    await loadIntoNodes(names);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** By a part of the image's name: its programs, the one that is started first. */
async function standIns(report: Report): Promise<Readonly<Record<string, Readonly<Record<string, string>>>>> {
  const basic = ['build', 'sigs.k8s.io/gateway-api/conformance/echo-basic'];
  const advanced = await program('echo-advanced', 'echo', ['build', '.'], report);
  return {
    '/echo-basic:': { 'echo-basic': await program('echo-basic', 'tools', basic, report) },
    '/echo-advanced:': { 'usr/local/bin/server': advanced, 'usr/local/bin/client': advanced },
    '/coredns:': { 'usr/local/bin/coredns': await goProgram('coredns', report) },
  };
}

async function namedImages(): Promise<readonly string[]> {
  const suite = await moduleDirectory('sigs.k8s.io/gateway-api/conformance');
  const manifests = ['base', 'mesh', 'tests'].map((folder) => join(suite, folder));
  const lines = await output('grep', ['-rhoE', 'image: *registry.k8s.io/[^ ]+', ...manifests]);
  const names = lines.split('\n').map((line) => line.replace(/^image: */, '').trim());
  return [...new Set(names)].filter((name) => name !== '');
}

async function loadIntoNodes(names: readonly string[]): Promise<void> {
  const archive = join(cacheDirectory, `stand-ins-${process.pid}.tar`);
  const nodes = await docker('ps', '--filter', 'label=io.x-k8s.kind.role', '--format', '{{.Names}}');
  const importing = '--namespace k8s.io images import --all-platforms --snapshotter overlayfs -'.split(' ');
  try {
    await docker('save', '--output', archive, ...names);
    for (const node of nodes.trim().split('\n'))
      await inside('docker', ['exec', '--interactive', node, 'ctr', ...importing], { inputFile: archive });
  } finally {
    await rm(archive, { force: true });
  }
}
