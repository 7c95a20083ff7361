// What keeps a caller at one server: a hash of its address, and sessions that outlive a change of the endpoints.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#LoadBalancerSettings-ConsistentHashLB
import type { Lab, Port } from '../../support/mesh/lab.ts';

import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import { http, namespace, startLab, yaml } from '../../support/mesh/lab.ts';
import { destinationRule } from '../../support/objects/rules.ts';
import { repeat, sendLine, tally, whoOf } from '../../support/mesh/traffic.ts';

const tcp: Port = { number: 18084, name: 'tcp', app: 'tcp' };
let lab: Lab;

beforeAll(async () => {
  vi.stubEnv('PILOT_ENABLE_PERSISTENT_SESSION_FILTER', 'true');
  lab = await startLab({
    workloads: ['store-v1', 'store-v2', 'store-v3'],
    ports: [http, tcp],
    files: { 'turns.yaml': destinationRule('sticky', 'trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } }') },
  });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await lab?.stop();
});

describe('a consistent hash of the source address', () => {
  const callers = Array.from({ length: 24 }, (_, index) => `127.0.1.${index + 1}`);
  beforeAll(
    () =>
    lab.mesh.change('policy.yaml', destinationRule('store', 'trafficPolicy: { loadBalancer: { consistentHash: { useSourceIp: true } } }')), // prettier-ignore
  );

  test.each([
    ['requests', async (from: string) => whoOf(await lab.call('store', { from }))],
    ['connections', async (from: string) => (await sendLine(lab.egress(tcp), 'hello', 'hello', from)).split(':')[0] ?? ''], // prettier-ignore
  ])('sticks, and different addresses spread: %s', async (_what, call) => {
    const servers = await repeat(callers.length, async (index) => {
      const seen = new Set(await repeat(4, () => call(callers[index] ?? ''), 1));
      expect(seen.size, callers[index]).toBe(1);
      return [...seen][0] ?? '';
    });
    expect(new Set(servers).size).toBeGreaterThan(1);
  });
});

// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/stateful_session_filter
describe.each([
  [
    'cookie',
    'istio.io/persistent-session',
    (headers: Headers) => ({ cookie: String(headers['set-cookie']).split(';')[0] }),
  ],
  ['header', 'istio.io/persistent-session-header', (headers: Headers) => ({ session: headers['session'] })],
] as const)('a session kept by a %s', (_kind, label, tokenOf) => {
  const states = ['store-v1', 'store-v2', 'store-v3'];
  let written = '';
  const change = async (conditions: Readonly<Record<string, object>>): Promise<void> => {
    const endpoints = states.map((name) => [name, conditions[name] ?? { ready: true }] as const);
    const text = yaml(stickyService(label), slice(endpoints));
    if (text !== written) await lab.mesh.change('sticky.yaml', text);
    written = text;
  };
  const by = async (count: number, headers: object) =>
    tally((await repeat(count, () => lab.call('sticky', { headers: { ...headers } }), 1)).map(whoOf));
  const start = async () => {
    const answer = await lab.call('sticky');
    return [whoOf(answer), tokenOf(answer.headers)] as const;
  };
  beforeEach(() => change({}));

  test('stays with its server, and others spread', async () => {
    const [server, token] = await start();
    expect(await by(12, token)).toEqual({ [server]: 12 });
    expect(Object.keys(await by(12, {})).toSorted()).toEqual(states);
  });

  test('stays while its server drains, which gets no new sessions', async () => {
    const [server, token] = await start();
    await change({ [server]: { ready: false, serving: true, terminating: true } });
    expect(await by(12, token)).toEqual({ [server]: 12 });
    const others = await by(12, {});
    expect(Object.keys(others).toSorted()).toEqual(states.filter((name) => name !== server));
  });

  test('goes elsewhere when its server has gone', async () => {
    const [server, token] = await start();
    await change({ [server]: { ready: false, serving: false, terminating: true } });
    expect(await by(6, token)).not.toHaveProperty(server);
  });
});

type Headers = Awaited<ReturnType<Lab['call']>>['headers'];

/** The same workloads as another Service. */
const stickyService = (label: string): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'sticky', namespace, labels: { [label]: 'session' } },
  spec: { ports: [{ name: 'http', port: http.number }] },
});

const slice = (endpoints: readonly (readonly [name: string, conditions: object])[]): object => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'sticky-1', namespace, labels: { 'kubernetes.io/service-name': 'sticky' } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: http.number }],
  endpoints: endpoints.map(([name, conditions]) => ({ addresses: [lab.ingress(name).host], conditions })),
});

describe('endpoints of a Service without sessions', () => {
  const plain = (conditions: readonly object[]) => {
    const { spec, ...service } = stickyService('none') as { spec: object };
    return lab.mesh.change(
      'sticky.yaml',
      yaml({ ...service, spec }, slice(conditions.map((each, index) => [`store-v${index + 1}`, each]))),
    );
  };
  const seen = async () => tally((await repeat(12, () => lab.call('sticky'), 1)).map(whoOf));

  test('one that is not ready or drains gets nothing', async () => {
    await plain([{ ready: true }, { ready: false }, { ready: false, serving: true, terminating: true }]);
    expect(await seen()).toEqual({ 'store-v1': 12 });
  });

  test('nobody is asked when none is ready', async () => {
    await plain([{ ready: false }]);
    expect(await seen()).toEqual({ 503: 12 });
  });

  test('one that has become ready is used', async () => {
    await plain([{ ready: false }, { ready: true }]);
    expect(await seen()).toEqual({ 'store-v2': 12 });
  });
});

test('nothing was refused', () => {
  expect(lab.mesh.daemon.rejections()).toEqual([]);
  expect(lab.mesh.complaints).toEqual([]);
});
