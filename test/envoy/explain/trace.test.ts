// A trace and real Envoys agree: whatever rules there are and whatever is requested, what Envoy's access log says of a
// request is one of the things that the trace said may become of it.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { DecodedConfiguration } from '../../../src/model/envoy/decoded.ts';
import type { Hop } from '../../../src/trace/journey.ts';
import { traceJourney } from '../../../src/trace/journey.ts';
import type { Lab } from '../../support/mesh/lab.ts';
import { namespace, startLab, yaml } from '../../support/mesh/lab.ts';
import type { RandomRequest } from '../../support/random/random-requests.ts';
import { meshConfigMap } from '../../support/objects/mesh-config.ts';
import { randomPolicies, randomRequest, randomRules } from '../../support/random/random-requests.ts';
import { destinationRule, versions } from '../../support/objects/rules.ts';
import { send } from '../../support/mesh/traffic.ts';

const meshes = 8;
const requestsEach = 25;
const seed = 7;

let directory: string;
let log: string;
let lab: Lab;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'trace-'));
  log = join(directory, 'access.log');
  const fields = [
    'REQ(X-CASE)',
    'ROUTE_NAME',
    'UPSTREAM_CLUSTER_RAW',
    'RESPONSE_FLAGS',
    'RESPONSE_CODE',
    'DOWNSTREAM_LOCAL_ADDRESS',
  ];
  const mesh = { accessLogFile: log, accessLogFormat: `${fields.map((field) => `%${field}%`).join(' ')}\n` };
  lab = await startLab({
    workloads: ['store-v1', 'store-v2', 'audit-v1', { name: 'guard-v1', sidecar: true }],
    files: {
      'subsets.yaml': versions('store'),
      // Connections from before a change stay under the rules from before it.
      'fresh.yaml': destinationRule(
        'guard',
        'trafficPolicy: { connectionPool: { http: { maxRequestsPerConnection: 1 } } }',
      ),
      'mesh.yaml': yaml(meshConfigMap(mesh), {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'empty', namespace },
        spec: { selector: { app: 'empty' }, ports: [{ name: 'http', port: 18080 }] },
      }),
    },
    daemon: { monitoringAddress: '127.0.0.1:0' },
  });
});
afterAll(async () => {
  await lab?.stop();
  await rm(directory, { recursive: true, force: true });
});

/** Names of the clusters that each proxy has now. */
const clusters = new Map<string, ReadonlySet<string>>();

/** What an access log line says of a request at one proxy. */
const line = (route: string, cluster: string, flags: string, status: number): string =>
  [route, cluster, flags, status].map((field) => (field === '' ? '-' : String(field))).join(' ');

async function configurationOf(pod: string): Promise<DecodedConfiguration> {
  const at = `http://127.0.0.1:${lab.mesh.daemon.monitoringPort}/debug/resources?proxyID=${pod}.${namespace}`;
  return ((await (await fetch(at)).json()) as { readonly resources: DecodedConfiguration }).resources;
}

async function traced(configurations: ReadonlyMap<string, DecodedConfiguration>, asked: RandomRequest): Promise<Hop> {
  const { host: address, port } = lab.egress();
  const proxy = (name: string, at: string) => ({
    name: `${name}.${namespace}`,
    address: at,
    principal: `spiffe://cluster.local/ns/${namespace}/sa/${name.replace(/-v\d$/, '')}`,
    configuration: configurations.get(name)!,
  });
  const guard = proxy('guard-v1', lab.ingress('guard-v1').host);
  const connection = {
    source: { address: '127.0.0.1', principal: undefined },
    destination: { address, port },
    tls: undefined,
    http: { ...asked, claims: undefined },
  };
  return traceJourney(proxy('caller', address), 'outbound', connection, (at) =>
    at === guard.address ? guard : undefined,
  );
}

/** All lines that may be logged at a hop, with what the next one answers. Clusters that are not there are not logged. */
function expected({ branches, proxy }: Hop): readonly string[] {
  return branches.flatMap(({ ending, next, route, cluster: chosen }) => {
    const cluster = clusters.get(proxy)?.has(chosen) === true ? chosen : '';
    if (ending.kind === 'response') return [line(route, cluster, ending.flags, ending.status)];
    expect(ending.kind).toBe('forwarded');
    const statuses =
      next.length === 0 ? [200] : next.flatMap((hop) => expected(hop).map((each) => Number(each.split(' ')[3])));
    return statuses.map((status) => line(route, cluster, '', status));
  });
}

interface Case {
  readonly asked: RandomRequest;
  readonly rules: readonly object[];
  readonly policies: readonly object[];
  readonly outbound: readonly string[];
  readonly inbound: readonly string[];
}

async function runMesh(
  rules: readonly object[],
  policies: readonly object[],
  requests: readonly RandomRequest[],
  first: number,
): Promise<readonly Case[]> {
  const service = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'store', namespace },
    spec: { hosts: ['store'], http: rules },
  };
  const guards = policies.map((policy, i) => ({
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name: `p${i}`, namespace },
    spec: { selector: { matchLabels: { app: 'guard' } }, ...policy },
  }));
  await lab.mesh.change('random.yaml', yaml(service, ...guards));
  const configurations = new Map(
    await Promise.all(['caller', 'guard-v1'].map(async (pod) => [pod, await configurationOf(pod)] as const)),
  );
  for (const [pod, { cluster }] of configurations)
    clusters.set(`${pod}.${namespace}`, new Set(cluster.map(({ name }) => name)));
  return Promise.all(
    requests.map(async (asked, i): Promise<Case> => {
      const headers = { ...asked.headers, host: asked.host, 'x-case': `case-${first + i}` };
      await send(lab.egress(), { path: asked.path, method: asked.method, headers });
      const hop = await traced(configurations, asked);
      const inbound = hop.branches.flatMap(({ next }) => next.flatMap(expected));
      return { asked, rules, policies, outbound: expected(hop), inbound };
    }),
  );
}

test('for random rules and random requests', { timeout: 240_000 }, async () => {
  const rules = fc.sample(randomRules, { seed, numRuns: meshes });
  const policies = fc.sample(randomPolicies, { seed, numRuns: meshes });
  const cases: Case[] = [];
  for (const [i, http] of rules.entries()) {
    const requests = fc.sample(randomRequest, { seed: seed + i, numRuns: requestsEach });
    cases.push(...(await runMesh(http, policies[i] ?? [], requests, i * requestsEach)));
  }
  const caller = lab.mesh.envoys.get('caller')!;
  let lines: readonly string[] = [];
  await caller.eventually('the access log to be written', async () => {
    lines = (await readFile(log, 'utf8').catch(() => '')).split('\n').filter((each) => each.startsWith('case-'));
    const callers = new Set(
      lines.filter((each) => each.includes(` ${lab.egress().host}:`)).map((each) => each.split(' ')[0]),
    );
    return callers.size === cases.length;
  });
  for (const each of lines) {
    const [name = '', ...said] = each.split(' ');
    const { asked, rules: written, policies, outbound, inbound } = cases[Number(name.slice('case-'.length))]!;
    const at = said.pop() ?? '';
    const possible = at.startsWith(`${lab.egress().host}:`) ? outbound : inbound;
    expect(possible, JSON.stringify({ asked, written, policies, possible, said })).toContain(said.join(' '));
  }
  expect(lines.some((each) => each.includes(' inbound|'))).toBe(true);
});
