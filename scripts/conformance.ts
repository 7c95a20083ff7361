// Gateway API's own conformance suite against Keelson in a cluster of this machine: definitions and suite come from the
// project's Go modules, its report is written beside what the suite prints. Arguments are passed on to the suite.
// https://gateway-api.sigs.k8s.io/concepts/conformance/
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { cached, cacheDirectory, fingerprint } from './cluster/cache.ts';
import { output } from './cluster/command.ts';
import { docker, inside, insideResult } from './cluster/docker.ts';
import { goProgram } from './cluster/go-programs.ts';
import { images, importImage, writeProgramRoot } from './cluster/images.ts';
import { kubeconfig, kubectl, missingForCluster, startCluster } from './cluster/kind.ts';

const repository = resolve(import.meta.dirname, '..');
const tools = join(repository, 'test', 'conformance', 'tools');
const go = { cwd: tools, env: { CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' }, timeoutMs: 40 * 60_000 };
const profiles = 'GATEWAY-HTTP,GATEWAY-GRPC,GATEWAY-TLS';
/** What stock Envoy, or this cluster, has nothing for. */
const exempt = [
  'GatewayStaticAddresses',
  'UDPRoute',
  'HTTPRouteRetry',
  'HTTPRouteRetryBackendTimeout',
  'HTTPRouteRetryConnectionError',
];

const report = (line: string): void => void process.stderr.write(`${line}\n`);

const missing = await missingForCluster();
if (missing !== undefined) {
  report(`The conformance suite needs a cluster, and none can be made here: ${missing}.`);
  process.exitCode = 1;
} else await run();

async function run(): Promise<void> {
  await startCluster(report);
  await loadStandIns();
  report("Installing Gateway API's definitions and Keelson ...");
  await installDefinitions();
  await installKeelson();
  const ended = new AbortController();
  const addresses = giveAddresses(ended.signal);
  try {
    process.exitCode = await runSuite();
  } finally {
    ended.abort();
    await addresses;
  }
}

/** A program of Gateway API's module, built when it is not in the cache. */
const program = async (name: string, command: readonly string[]): Promise<string> =>
  cached(`${name}-${await fingerprint(command, [tools])}`, async (path) => {
    report(`Building ${name} from its Go modules (once) ...`);
    const [verb = '', ...flags] = command;
    const what = flags.at(-1) ?? '.';
    const options = flags.slice(0, -1);
    await output('nice', ['go', verb, ...options, '-trimpath', '-ldflags', '-s -w', '-o', path, what], go);
  });

/** The images that the suite's manifests name, under whichever tags they do. */
async function loadStandIns(): Promise<void> {
  const suite = await moduleDirectory('sigs.k8s.io/gateway-api/conformance');
  const texts = await output('grep', [
    '-rhoE',
    'image: *registry.k8s.io/[^ ]+',
    join(suite, 'base'),
    join(suite, 'tests'),
  ]);
  const names = [...new Set(texts.split('\n').map((line) => line.replace(/^image: */, '').trim()))];
  const echo = await program('echo-basic', ['build', 'sigs.k8s.io/gateway-api/conformance/echo-basic']);
  const programs = { '/echo-basic:': echo, '/coredns:': await goProgram('coredns') };
  const directory = await mkdtemp(join(tmpdir(), 'keelson-conformance-'));
  try {
    for (const [part, file] of Object.entries(programs)) {
      const place = part === '/coredns:' ? 'usr/local/bin/coredns' : 'echo-basic';
      const root = join(directory, place.replaceAll('/', '-'));
      await writeProgramRoot(root, { [place]: file });
      for (const name of names.filter((one) => one.includes(part)))
        await importImage(name, root, [`ENTRYPOINT ["/${place}"]`]);
    }
    await loadIntoNodes(names.filter((name) => Object.keys(programs).some((part) => name.includes(part))));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function loadIntoNodes(names: readonly string[]): Promise<void> {
  const archive = join(cacheDirectory, 'stand-ins.tar');
  const nodes = await docker('ps', '--filter', 'label=io.x-k8s.kind.role', '--format', '{{.Names}}');
  try {
    await docker('save', '--output', archive, ...names);
    const importing = ['ctr', '--namespace', 'k8s.io', 'images', 'import', '--all-platforms', '--snapshotter', 'overlayfs', '-']; // prettier-ignore
    for (const node of nodes.trim().split('\n'))
      await inside('docker', ['exec', '--interactive', node, ...importing], { inputFile: archive });
  } finally {
    await rm(archive, { force: true });
  }
}

async function moduleDirectory(name: string): Promise<string> {
  await output('go', ['mod', 'download', name], go);
  return (await output('go', ['list', '-m', '-f', '{{.Dir}}', name], go)).trim();
}

async function installDefinitions(): Promise<void> {
  const definitions = join(await moduleDirectory('sigs.k8s.io/gateway-api'), 'config', 'crd', 'experimental');
  for (const file of (await readdir(definitions)).filter((name) => name.startsWith('gateway.')))
    await kubectl(['apply', '--server-side', '--force-conflicts', '--filename', join(definitions, file)]);
}

async function installKeelson(): Promise<void> {
  const values = [
    `image=${images.keelson}`,
    'env.KEELSON_STRICT_GATEWAYS=true',
    'global.proxy.resources.requests.cpu=10m',
    'global.proxy.resources.requests.memory=32Mi',
  ];
  const keelson = join(repository, 'src', 'cli', 'keelson.ts');
  const input = await output(process.execPath, [keelson, 'manifests', ...values.flatMap((value) => ['--set', value])]);
  await kubectl(['apply', '--server-side', '--force-conflicts', '--filename', '-'], { input });
  await kubectl(['--namespace', 'istio-system', 'rollout', 'status', 'deployment/istiod', '--timeout=300s']);
}

interface Service {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: { readonly type?: string; readonly clusterIP: string };
  readonly status: { readonly loadBalancer?: { readonly ingress?: readonly object[] } };
}

/** In the place of a load balancer: 10.97.x.y for the Service with 10.96.x.y, which the node serves. */
async function giveAddresses(signal: AbortSignal): Promise<void> {
  const jsonPath = 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}';
  const node = await kubectl(['get', 'nodes', '--output', jsonPath]);
  for (const range of ['10.96.0.0/16', '10.97.0.0/16', '10.244.0.0/16'])
    await inside('ip', ['route', 'replace', range, 'via', node.trim()]);
  while (!signal.aborted) {
    const { items } = JSON.parse(await kubectl(['get', 'services', '--all-namespaces', '--output', 'json'])) as {
      readonly items: readonly Service[];
    };
    const waiting = items.filter(
      ({ spec, status }) => spec.type === 'LoadBalancer' && status.loadBalancer?.ingress === undefined,
    );
    for (const { metadata, spec } of waiting) {
      const ip = spec.clusterIP.replace(/^10\.96\./, '10.97.');
      const patch = JSON.stringify({ status: { loadBalancer: { ingress: [{ ip }] } } });
      const target = ['--namespace', metadata.namespace, 'patch', 'service', metadata.name];
      await kubectl([...target, '--subresource=status', '--type=merge', '--patch', patch]).catch(() => undefined);
    }
    await delay(500);
  }
}

/** The suite's exit code. */
async function runSuite(): Promise<number> {
  const suite = await program('gateway-api-suite', ['test', '-c', '.']);
  const results = join(repository, '.cache', 'conformance');
  await mkdir(results, { recursive: true });
  const written = join(cacheDirectory, 'conformance-report.yaml');
  const flags = ['-test.v', '-test.timeout', '60m', '-test.run', 'TestGatewayAPI', '--allow-crds-mismatch', '--debug=false', '--gateway-class', 'istio', '--all-features', '--exempt-features', exempt.join(), '--conformance-profiles', profiles, '--organization', 'keelson', '--project', 'keelson', '--version', '0.1.0', '--url', 'https://example.com', '--contact', 'none', '--report-output', written, ...process.argv.slice(2)]; // prettier-ignore
  report('Running the suite ...');
  const options = { env: { KUBECONFIG: kubeconfig }, timeoutMs: 61 * 60_000 };
  const { status, stdout, stderr } = await insideResult(suite, flags, options);
  await writeFile(join(results, 'suite.log'), stdout + stderr);
  await cp(written, join(results, 'report.yaml')).catch(() => undefined);
  for (const [, line = ''] of stdout.matchAll(/^ +--- ((?:PASS|FAIL|SKIP): TestGatewayAPI\/\w+) /gm)) report(line);
  report(`Everything that it said is in ${results}.`);
  return Number(status) || 0;
}
