// The Go programs that a cluster is made of: what scripts/kubernetes.ts builds, and what test/cluster/tools names in one
// Go module for each project, with go.sum checking what the module proxy says.
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { buildKubernetes, linkerFlagsOf } from '../kubernetes.ts';
import { cached, fingerprint } from './cache.ts';
import { output } from './command.ts';

const tools = resolve(import.meta.dirname, '..', '..', 'test', 'cluster', 'tools');
const plugins = ['main/ptp', 'main/loopback', 'ipam/host-local', 'meta/portmap'];

/** By program, or by folder for those with several: the Go module in test/cluster/tools, and its packages. */
const programs = {
  'kube-scheduler': ['kubernetes', 'k8s.io/kubernetes/cmd/kube-scheduler'],
  'kube-proxy': ['kubernetes', 'k8s.io/kubernetes/cmd/kube-proxy'],
  kubeadm: ['kubernetes', 'k8s.io/kubernetes/cmd/kubeadm'],
  kubectl: ['kubernetes', 'k8s.io/kubernetes/cmd/kubectl'],
  kubelet: ['kubernetes', 'k8s.io/kubernetes/cmd/kubelet'],
  kind: ['kind', 'sigs.k8s.io/kind'],
  coredns: ['coredns', '.'],
  pause: ['pause', '.'],
  'cni-plugins': ['cni', ...plugins.map((plugin) => `github.com/containernetworking/plugins/plugins/${plugin}`)],
} as const;
export type GoProgram = keyof typeof programs;

/** The path of the program, which is built when it is not in the cache. */
export async function goProgram(name: GoProgram, report: (line: string) => void = () => {}): Promise<string> {
  const [module, ...packages] = programs[name];
  const directory = join(tools, module);
  const flags = ['-s', '-w', ...(module === 'kubernetes' ? linkerFlagsOf(await kubernetesVersion()) : [])].join(' ');
  return cached(`${name}-${await fingerprint([flags, ...packages], [directory])}`, async (path) => {
    report(`Building ${name} from its Go modules (once) ...`);
    // A path that ends in a slash is a folder, for several programs.
    const to = name === 'cni-plugins' ? `${path}/` : path;
    const args = ['go', 'build', '-buildvcs=false', '-trimpath', '-ldflags', flags, '-o', to, ...packages];
    const env = { CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' };
    await output('nice', args, { cwd: directory, env, timeoutMs: 40 * 60_000 });
  });
}

/** The directory of kube-apiserver, etcd and kube-controller-manager. */
export const controlPlanePrograms = (report: (line: string) => void): Promise<string> =>
  buildKubernetes({ ...process.env, KUBEBUILDER_ASSETS: '' }, report);

/** Like `v1.36.3`. */
export async function kubernetesVersion(): Promise<string> {
  const text = await readFile(join(tools, 'kubernetes', 'go.mod'), 'utf8');
  const version = /^\s*k8s\.io\/kubernetes (v\S+)/m.exec(text)?.[1];
  if (version === undefined) throw new Error('test/cluster/tools/kubernetes/go.mod does not name k8s.io/kubernetes');
  return version;
}

/** The directory of kind's own sources. */
export async function kindSources(): Promise<string> {
  const args = ['list', '-m', '-f', '{{.Dir}}', 'sigs.k8s.io/kind'];
  const env = { GOFLAGS: '', GOWORK: 'off' };
  await output('go', ['mod', 'download', 'sigs.k8s.io/kind'], { cwd: join(tools, 'kind'), env });
  return (await output('go', args, { cwd: join(tools, 'kind'), env })).trim();
}
