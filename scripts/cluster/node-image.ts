// The image of a kind node, made without a registry: Debian packages, programs built from Go modules, kind's own entrypoint
// and units, and the images of the control plane in containerd's store.
// https://kind.sigs.k8s.io/docs/design/node-image/
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import type { GoProgram } from './go-programs.ts';

import { kubernetesVersion } from '../kubernetes.ts';
import { fingerprint } from './cache.ts';
import { output } from './command.ts';
import { rootFileSystem } from './debian.ts';
import { docker, imageExists, inside } from './docker.ts';
import { controlPlanePrograms, goProgram, goProgramName, kindSources } from './go-programs.ts';
import { importImage, writeProgramRoot } from './images.ts';

/** Ends systemd in good order. */
const stopSignal = ['--stop-signal', 'SIGRTMIN+3'];

type Report = (line: string) => void;

const sources = resolve(import.meta.dirname, '..', '..', 'test', 'cluster');
const packages =
  'systemd,systemd-sysv,conntrack,iptables,nftables,iproute2,ethtool,util-linux,mount,kmod,procps,ca-certificates,jq,socat,curl,containerd,runc'.split(
    ',',
  );
const nodePrograms = ['kubeadm', 'kubelet', 'kubectl'] as const;
const ownImages: Readonly<Record<string, GoProgram>> = {
  'kube-scheduler': 'kube-scheduler',
  'kube-proxy': 'kube-proxy',
  coredns: 'coredns',
  pause: 'pause',
};

/** The image's name; it is made when this machine does not have it. */
export async function nodeImage(report: Report): Promise<string> {
  const version = await kubernetesVersion();
  const parts = ['node', 'prepare-node.sh'].map((part) => join(sources, part));
  const programs = [...nodePrograms, ...Object.values(ownImages), 'cni-plugins', 'kind'] as const;
  const names = await Promise.all(programs.map(goProgramName));
  const image = `keelson-node:${version}-${await fingerprint([...packages, ...names], [...parts, import.meta.filename])}`;
  if (await imageExists(image)) return image;
  const directory = await mkdtemp(join(tmpdir(), 'keelson-node-'));
  try {
    await makeImage(image, directory, version, report);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  return image;
}

async function makeImage(image: string, directory: string, version: string, report: Report): Promise<void> {
  report('Making the root file system of a node (once) ...');
  const base = 'keelson-node-base:latest';
  await docker('import', await rootFileSystem(packages), base);
  const control = await controlPlaneImages(base, directory, version, report);
  report('Making the image of a node (once) ...');
  const root = join(directory, 'root');
  await writeNode(root, version, control.find((name) => name.includes('/pause:')) ?? '');
  await docker('save', '--output', join(root, 'images.tar'), ...control);
  await cp(join(sources, 'prepare-node.sh'), join(root, 'prepare-node.sh'));
  const container = (
    await docker('run', '--detach', '--privileged', ...stopSignal, '--entrypoint', 'sleep', base, 'infinity')
  ).trim();
  try {
    await output('tar', ['--owner=0', '--group=0', '-C', root, '-cf', `${root}.tar`, '.']);
    await inside('docker', ['cp', '-', `${container}:/`], { inputFile: `${root}.tar` });
    await docker('exec', container, '/prepare-node.sh', '/images.tar');
    const settings = ['ENV container=docker', 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]'];
    await docker('commit', ...settings.flatMap((setting) => ['--change', setting]), container, image);
  } finally {
    await docker('rm', '--force', '--volumes', container);
  }
  // They are in the node now.
  await docker('rmi', ...control);
}

/** What stands in the node's root over the Debian packages. */
async function writeNode(root: string, version: string, pause: string): Promise<void> {
  await cp(join(await kindSources(), 'images', 'base', 'files'), root, { recursive: true });
  // A module's files are read-only.
  await output('chmod', ['-R', 'u+w', root]);
  await output('chmod', ['-R', '755', join(root, 'usr', 'local', 'bin'), join(root, 'kind', 'bin')]);
  await cp(join(sources, 'node'), root, { recursive: true, force: true });
  const containerd = join(root, 'etc', 'containerd', 'config.toml');
  await writeFile(containerd, (await readFile(containerd, 'utf8')).replace('@PAUSE@', pause));
  for (const directory of ['usr/bin', 'opt/cni', 'etc/kubernetes/manifests'])
    await mkdir(join(root, directory), { recursive: true });
  for (const program of nodePrograms) await cp(await goProgram(program), join(root, 'usr', 'bin', program));
  await cp(await goProgram('cni-plugins'), join(root, 'opt', 'cni', 'bin'), { recursive: true });
  await writeFile(join(root, 'kind', 'version'), version);
}

/** Imports what `kubeadm config images list` names, and returns the names. */
async function controlPlaneImages(
  base: string,
  directory: string,
  version: string,
  report: Report,
): Promise<readonly string[]> {
  const servers = await controlPlanePrograms(report);
  const args = ['config', 'images', 'list', '--kubernetes-version', version];
  const names = (await output(await goProgram('kubeadm', report), args)).trim().split('\n');
  for (const name of names) {
    const program = /([^/]+):[^:]+$/.exec(name)?.[1] ?? name;
    const own = ownImages[program];
    const root = join(directory, program);
    await writeProgramRoot(root, {
      [`usr/local/bin/${program}`]: own ? await goProgram(own, report) : join(servers, program),
    });
    if (program === 'kube-proxy') await addPacketFilter(root, base);
    await importImage(name, root, [`ENTRYPOINT ["/usr/local/bin/${program}"]`]);
  }
  return names;
}

/** kube-proxy writes its rules with the commands of the node's own Debian. */
async function addPacketFilter(root: string, base: string): Promise<void> {
  const script = `cd / && files="usr/sbin/nft usr/sbin/xtables-nft-multi usr/sbin/conntrack $(ls usr/lib/*/xtables/*.so)"
    libraries=$(ldd $files | grep -o '/[^ ]*' | grep -v ':$' | sort -u)
    tar -ch $files $libraries etc/protocols $(find usr/sbin -name 'ip*tables*' -type l) 2> /dev/null | base64`;
  const archive = await docker('run', '--rm', '--entrypoint', 'sh', base, '-c', script);
  await writeFile(`${root}.tar`, Buffer.from(archive, 'base64'));
  await output('tar', ['-C', root, '-xf', `${root}.tar`]);
}
