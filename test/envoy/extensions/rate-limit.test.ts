// Limits in real Envoys: as many requests pass as were allowed, for each value on its own, counted by the proxy or by a
// service, and what happens when that service is gone. But for one, buckets are filled once an hour, so that time plays no part.
import { readFileSync } from 'node:fs';

import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

import type { Question, Quota } from '../../../demo/quotas/quota-service.ts';
import { counter } from '../../../demo/quotas/quota-service.ts';
import type { EnvoyService } from '../../../scripts/envoy-service.ts';
import { startEnvoyService } from '../../../scripts/envoy-service.ts';

import { freePort } from '../../../scripts/ports.ts';
import type { Lab } from '../../support/mesh/lab.ts';
import { namespace, startLab, yaml } from '../../support/mesh/lab.ts';
import { tokenIssuer } from '../../support/servers/tokens.ts';

let lab: Lab;
let service: EnvoyService;
let questions: Question[];
let quotasPort: number;

beforeAll(async () => {
  questions = [];
  const decide = counter([...demoQuotas, { domain: 'lab', entries: [{ key: 'shop' }, { key: 'x-user' }], requests: 2, seconds: 3600 }], Date.now); // prettier-ignore
  service = await startEnvoyService('envoy.service.ratelimit.v3.RateLimitService', (question: Question) => {
    questions.push(question);
    return decide(question);
  });
  quotasPort = await freePort();
  lab = await startLab({
    workloads: [{ name: 'store-v1', sidecar: true, sees: ['./quotas.example'] }],
    files: { 'quotas.yaml': quotas(), 'fresh.yaml': freshConnections, 'tokens.yaml': tokens },
  });
}, 120_000);

afterAll(async () => {
  await lab?.stop();
  service?.close();
});

const demo = (file: string): string => readFileSync(new URL(`../../../demo/quotas/${file}`, import.meta.url), 'utf8');
const demoQuotas = parse(demo('quotas.yaml')) as readonly Quota[];

const issuer = tokenIssuer('https://wren.example');
const tokens = yaml({
  apiVersion: 'security.istio.io/v1',
  kind: 'RequestAuthentication',
  metadata: { name: 'tokens', namespace },
  spec: { jwtRules: [{ issuer: 'https://wren.example', jwks: issuer.jwks }] },
});
const bearer = (claims: object) => ({ authorization: `Bearer ${issuer.token({ ...claims })}` });

/** Connections keep the limits that they were opened under. */
const freshConnections = yaml({
  apiVersion: 'networking.istio.io/v1',
  kind: 'DestinationRule',
  metadata: { name: 'store', namespace },
  spec: { host: 'store', trafficPolicy: { connectionPool: { http: { maxRequestsPerConnection: 1 } } } },
});

/** The service that counts, as one outside the mesh. */
const quotas = (): string =>
  yaml({
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name: 'quotas', namespace },
    spec: {
      hosts: ['quotas.example'],
      ports: [{ number: quotasPort, name: 'grpc', protocol: 'GRPC' }],
      resolution: 'STATIC',
      endpoints: [{ address: '127.0.0.1', ports: { grpc: service.port } }],
    },
  });

/** Takes the place of the policy before, whose buckets go with it. */
async function limitTo(spec: object): Promise<void> {
  const policy = {
    apiVersion: 'policy.keelson.io/v1alpha1',
    kind: 'RateLimitPolicy',
    metadata: { name: 'budget', namespace },
    spec: { selector: { matchLabels: { app: 'store' } }, ...spec },
  };
  await lab.mesh.change('limit.yaml', yaml(policy));
  await lab.mesh.settled();
  expect(lab.mesh.daemon.rejections().map(({ error }) => error)).toEqual([]);
}

/** Statuses of calls, one after the other. */
async function statuses(count: number, headers: Readonly<Record<string, string>> = {}, path = '/'): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < count; i++) found.push((await lab.call('store', { path, headers })).status);
  return found;
}

it('of so many requests lets so many pass', async () => {
  await limitTo({ local: [{ requests: 3, interval: '1h' }] });
  expect(await statuses(5)).toEqual([200, 200, 200, 429, 429]);
});

it('of a rate lets no more pass than that, and the rest later', async () => {
  await limitTo({ local: [{ requests: 5, interval: '1s' }] });
  const [began, wanted] = [performance.now(), 20];
  let passed = 0;
  let asked = 0;
  while (passed < wanted && asked < 20_000) {
    const found = await statuses(1);
    asked++;
    passed += found.filter((status) => status === 200).length;
  }
  expect(passed).toBe(wanted);
  expect(asked).toBeGreaterThan(wanted);
  // Five at once, and five more at the end of each of three seconds; the first may be one that has begun already.
  expect(performance.now() - began).toBeGreaterThan(2000);
});

it('for each value of a header lets so many pass, and as many without it', async () => {
  await limitTo({ local: [{ per: [{ header: 'X-User' }], requests: 2, interval: '1h' }] });
  expect(await statuses(3, { 'x-user': 'ann' })).toEqual([200, 200, 429]);
  expect(await statuses(3, { 'x-user': 'bob' })).toEqual([200, 200, 429]);
  expect(await statuses(3)).toEqual([200, 200, 429]);
});

it('for each caller, path, address and claim', async () => {
  const per = [{ principal: true }, { path: true }, { address: true }, { claim: 'sub' }];
  await limitTo({ local: [{ per, requests: 1, interval: '1h' }] });
  expect(await statuses(2, {}, '/a?x=1')).toEqual([200, 429]);
  expect(await statuses(2, {}, '/a?x=2')).toEqual([429, 429]);
  expect(await statuses(2, {}, '/b')).toEqual([200, 429]);
  expect(await statuses(2, bearer({ sub: 'ann' }), '/b')).toEqual([200, 429]);
  expect(await statuses(2, bearer({ sub: 'bob' }), '/b')).toEqual([200, 429]);
  expect((await lab.call('store', { path: '/b', headers: { authorization: 'Bearer a.b.c' } })).status).toBe(401);
});

it('only where a rule matches', async () => {
  const match = { methods: ['GET'], path: '/cakes*', headers: [{ name: 'x-kind', value: 'rye' }] };
  await limitTo({ local: [{ match, requests: 1, interval: '1h' }] });
  expect(await statuses(3, { 'x-kind': 'rye' })).toEqual([200, 200, 200]);
  expect(await statuses(3, {}, '/cakes/1')).toEqual([200, 200, 200]);
  expect(await statuses(3, { 'x-kind': 'rye' }, '/cakes/1')).toEqual([200, 429, 429]);
});

const shared = (more: object = {}) => ({
  global: {
    service: 'quotas.example',
    port: quotasPort,
    domain: 'lab',
    timeout: '5s',
    descriptors: [{ entries: [{ key: 'shop', value: 'store' }, { header: 'x-user' }] }],
    ...more,
  },
});

it('as a service says that counts for all', async () => {
  await limitTo(shared());
  expect(await statuses(3, { 'x-user': 'ann' })).toEqual([200, 200, 429]);
  expect(await statuses(1, { 'x-user': 'bob' })).toEqual([200]);
  const entries = [{ key: 'shop', value: 'store' }, { key: 'x-user', value: 'ann' }]; // prettier-ignore
  expect(questions.at(0)).toMatchObject({ domain: 'lab', descriptors: [{ entries }] });
});

it('with the quotas of the example, by path, principal and claim', async () => {
  const [, policy] = parseAllDocuments(demo('policy.yaml')).map((each) => each.toJS() as { spec: { global: object } });
  await limitTo({ global: { ...policy?.spec.global, service: 'quotas.example', port: quotasPort, timeout: '5s' } });
  questions.length = 0;
  const times = await statuses(12, bearer({ plan: 'gold' }), '/checkout?fast');
  expect([times.indexOf(429), times.filter((status) => status === 200).length]).toEqual([10, 10]);
  const asked = questions
    .at(-1)
    ?.descriptors?.map(({ entries = [] }) => entries.map(({ key, value = '' }) => [key, value]));
  expect(asked).toEqual([
    [['shop', 'store'], ['x-customer', '']],
    [['match', 'yes'], ['path', '/checkout']],
    [['plan', 'gold'], ['principal', 'spiffe://cluster.local/ns/lab/sa/caller']],
  ]); // prettier-ignore
});

it.each([
  ['ALLOW', 200],
  ['DENY', 500],
])('when it is gone: %s', async (onFailure, status) => {
  service.close();
  await limitTo(shared({ onFailure, timeout: '200ms' }));
  expect(await statuses(2, { 'x-user': 'ann' })).toEqual([status, status]);
});
