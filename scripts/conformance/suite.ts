// Runs the conformance suite: what it says goes to a log as it says it, and its results and its report are read at the end.
// https://gateway-api.sigs.k8s.io/concepts/conformance/#running-tests
import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { cacheDirectory } from '../cluster/cache.ts';
import { insideResult } from '../cluster/docker.ts';
import { kubeconfig } from '../cluster/kind.ts';
import { program } from './go-module.ts';

const profiles = 'GATEWAY-HTTP,GATEWAY-GRPC,GATEWAY-TLS,GATEWAY-TCP,GATEWAY-UDP,MESH-HTTP,MESH-GRPC';
const minutes = 80;

export interface TestResult {
  readonly name: string;
  readonly outcome: 'PASS' | 'FAIL' | 'SKIP';
  readonly seconds: number;
}

/** Leaves `suite.log` and `report.yaml` in the directory; returns each test's result in the order they ended in. */
export async function runSuite(
  directory: string,
  version: string,
  flags: readonly string[],
  report: (line: string) => void,
): Promise<readonly TestResult[]> {
  const suite = await program('gateway-api-suite', 'tools', ['test', '-c', '.'], report);
  await mkdir(directory, { recursive: true });
  const log = join(directory, 'suite.log');
  // The suite overwrites no report, but writes one only at its end.
  const written = join(cacheDirectory, `conformance-report-${process.pid}.yaml`);
  const args = [...suiteFlags(version), '--report-output', written, ...flags];
  report(`Running the suite; what it says is in ${log} ...`);
  const options = { env: { KUBECONFIG: kubeconfig }, timeoutMs: (minutes + 1) * 60_000 };
  await insideResult('sh', ['-c', 'log=$1; shift; exec "$@" > "$log" 2>&1', 'sh', log, suite, ...args], options);
  await cp(written, join(directory, 'report.yaml')).catch(() => undefined);
  return resultsIn(await readFile(log, 'utf8'));
}

/**
 * What Gateways ask for: Services by their names, of which one is there. An IP address is a load balancer's to give, and the
 * suite does not wait for it.
 */
const staticAddresses = {
  usable: 'infra-backend-v1.gateway-conformance-infra.svc.cluster.local',
  unusable: 'nobody.gateway-conformance-infra.svc.cluster.local',
};

const suiteFlags = (version: string): readonly string[] =>
  `-test.v=test2json -test.timeout ${minutes}m -test.run TestGatewayAPI
  --gateway-class istio --all-features --conformance-profiles ${profiles}
  --usable-address ${staticAddresses.usable} --unusable-address ${staticAddresses.unusable}
  --namespace-labels istio-injection=enabled --debug=false
  --organization keelson --project keelson --version ${version} --url https://example.com --contact none`.split(/\s+/);

/** From the lines that Go's test runner prints as each test right below `TestGatewayAPI` ends. */
export function resultsIn(log: string): readonly TestResult[] {
  const lines = log.matchAll(/^[^\w\n]*--- (PASS|FAIL|SKIP): TestGatewayAPI\/(\w+) \(([\d.]+)s\)$/gm);
  return [...lines].map(([, outcome, name = '', seconds]) => ({
    name,
    outcome: outcome as TestResult['outcome'],
    seconds: Number(seconds),
  }));
}
