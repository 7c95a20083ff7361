// The Go programs that a cluster is made of: what scripts/kubernetes.ts builds, and what test/tools names in one Go module
// for each project, with go.sum checking what the module proxy says; a few are our own.
import { join, resolve } from 'node:path';

import { buildKubernetes, kubernetesVersion, linkerFlagsOf } from '../kubernetes.ts';
import { cached, cachedPath, fingerprint } from './cache.ts';
import { output } from './command.ts';

const tools = resolve(import.meta.dirname, '..', '..', 'test', 'tools');
const plugins = ['main/ptp', 'main/loopback', 'ipam/host-local', 'meta/portmap'];

/** By program, or by folder for those with several: the Go module in test/tools, and its packages. */
const programs = {
  'kube-scheduler': ['kubernetes', 'k8s.io/kubernetes/cmd/kube-scheduler'],
  'kube-proxy': ['kubernetes', 'k8s.io/kubernetes/cmd/kube-proxy'],
  kubeadm: ['kubernetes', 'k8s.io/kubernetes/cmd/kubeadm'],
  kubectl: ['kubernetes', 'k8s.io/kubernetes/cmd/kubectl'],
  kubelet: ['kubernetes', 'k8s.io/kubernetes/cmd/kubelet'],
  kind: ['kind', 'sigs.k8s.io/kind'],
  coredns: ['coredns', '.'],
  helm: ['helm', 'helm.sh/helm/v4/cmd/helm'],
  pause: ['pause', '.'],
  'bounded-runc': ['bounded-runc', '.'],
  'cni-plugins': ['cni', ...plugins.map((plugin) => `github.com/containernetworking/plugins/plugins/${plugin}`)],
} as const;
export type GoProgram = keyof typeof programs;

/** The path of the program, which is built when it is not in the cache. */
export async function goProgram(name: GoProgram, report: (line: string) => void = () => {}): Promise<string> {
  return cached(await goProgramName(name), async (path) => {
    report(`Building ${name} from its Go modules (once) ...`);
    const [module, ...packages] = programs[name];
    // A path that ends in a slash is a folder, for several programs.
    const to = name === 'cni-plugins' ? `${path}/` : path;
    const args = [
      'go',
      'build',
      '-buildvcs=false',
      '-trimpath',
      '-ldflags',
      await flagsOf(name),
      '-o',
      to,
      ...packages,
    ];
    const env = { CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' };
    await output('nice', args, { cwd: join(tools, module), env, timeoutMs: 40 * 60_000 });
  });
}

/** Its path if it is in the cache. */
export const builtGoProgram = async (name: GoProgram): Promise<string | undefined> =>
  cachedPath(await goProgramName(name));

/** A name for the program that says what it is made of. */
export async function goProgramName(name: GoProgram): Promise<string> {
  const [module, ...packages] = programs[name];
  return `${name}-${await fingerprint([await flagsOf(name), ...packages], [join(tools, module)])}`;
}

async function flagsOf(name: GoProgram): Promise<string> {
  const [module] = programs[name];
  return ['-s', '-w', ...(module === 'kubernetes' ? linkerFlagsOf(await kubernetesVersion()) : [])].join(' ');
}

/** The directory of kube-apiserver, etcd and kube-controller-manager. */
export const controlPlanePrograms = (report: (line: string) => void): Promise<string> =>
  buildKubernetes({ ...process.env, KUBEBUILDER_ASSETS: '' }, report);

/** The directory of kind's own sources. */
export async function kindSources(): Promise<string> {
  const args = ['list', '-m', '-f', '{{.Dir}}', 'sigs.k8s.io/kind'];
  const env = { GOFLAGS: '', GOWORK: 'off' };
  await output('go', ['mod', 'download', 'sigs.k8s.io/kind'], { cwd: join(tools, 'kind'), env });
  return (await output('go', args, { cwd: join(tools, 'kind'), env })).trim();
}
