// A Kubernetes cluster with kubelet and containers, made on this machine from package registries alone:
// `node scripts/cluster.ts up`, `load` (our images again), `kubectl ARGUMENTS`, `down`.
import { kubectlResult, loadImages, startCluster, stopCluster } from './cluster/kind.ts';
import { missingForCluster } from './cluster/platform.ts';

const report = (line: string): void => void process.stderr.write(`${line}\n`);

async function kubectl(args: readonly string[]): Promise<void> {
  const { status, stdout, stderr } = await kubectlResult(args);
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = Number(status) || 0;
}

const [command = '', ...args] = process.argv.slice(2);
const missing = await missingForCluster();
if (missing !== undefined) {
  report(`No cluster can be made here: ${missing}.`);
  process.exitCode = 1;
} else if (command === 'up') await startCluster(report);
else if (command === 'load') await loadImages(report);
else if (command === 'down') await stopCluster();
else if (command === 'kubectl') await kubectl(args);
else {
  report('Usage: node scripts/cluster.ts up | load | kubectl ARGUMENTS | down');
  process.exitCode = 2;
}
