// Two kinds are called Gateway: Istio's and Gateway API's.
import { describe, expect, test } from 'vitest';

import { describeProblem } from '../../src/model/problem.ts';
import { joinFiles, readConfig } from '../../src/watchers/files/config-file.ts';
import { parse } from '../../src/watchers/parse.ts';
import { Store } from '../../src/watchers/store.ts';
import type { Case } from './rules/checking.ts';
import { objectOf, specVerdict } from './rules/checking.ts';

const listener = { name: 'tls', port: 15443, protocol: 'TLS' };
const spec = { gatewayClassName: 'istio', listeners: [listener] };
const server = { port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] };

describe('a Gateway of Gateway API', () => {
  test.each<Case>([
    ['with a listener', spec, []],
    ['without listeners', { gatewayClassName: 'istio' }, []],
    ['with fields that nobody here knows', { ...spec, newer: { a: 1 }, listeners: [{ ...listener, newer: 1 }] }, []],
    ['without a class', { listeners: [listener] }, ['error required-field spec']],
    ['with an unfinished listener', { ...spec, listeners: [{ name: 'tls' }] }, ['error required-field spec.listeners[0]', 'error required-field spec.listeners[0]']], // prettier-ignore
    ['with port 0', { ...spec, listeners: [{ ...listener, port: 0 }] }, ['error invalid-value spec.listeners[0].port']],
    ['with another mode', { ...spec, listeners: [{ ...listener, tls: { mode: 'passthrough' } }] }, ['error unsupported-value spec.listeners[0].tls.mode']], // prettier-ignore
    ['with two listeners of a name', { ...spec, listeners: [listener, { ...listener, port: 443 }] }, ['error duplicate-value spec.listeners[1].name']], // prettier-ignore
    ['with addresses', { ...spec, addresses: [{ value: '192.0.2.1' }, { type: 'Hostname', value: 'a.example' }, {}] }, []], // prettier-ignore
    ['with an address that is none', { ...spec, addresses: [{ value: 'a.example' }] }, ['error invalid-value spec.addresses[0].value']], // prettier-ignore
  ])('%s', (_title, given, expected) => {
    expect(specVerdict('KubernetesGateway', given)).toEqual(expected);
  });

  test('is one in each version, and keeps nothing of its status', () => {
    for (const version of ['v1', 'v1beta1']) {
      const raw = { ...objectOf('KubernetesGateway', spec), apiVersion: `gateway.networking.k8s.io/${version}` };
      const { object } = parse({ ...raw, status: { addresses: [{ value: '192.0.2.1' }] } });
      expect(object).toMatchObject({ kind: 'KubernetesGateway', spec });
      expect(object).not.toHaveProperty('status');
    }
  });

  test('is told from one of Istio in messages', () => {
    const said = (kind: 'Gateway' | 'KubernetesGateway') => parse(objectOf(kind, {})).problems.map(describeProblem)[0];
    expect(said('Gateway')).toMatch(/^Gateway shop\/sample/);
    expect(said('KubernetesGateway')).toMatch(/^Gateway\.gateway\.networking\.k8s\.io shop\/sample/);
  });
});

describe('beside a Gateway of Istio with its name', () => {
  const istio = JSON.stringify(objectOf('Gateway', { servers: [server] }));
  const own = JSON.stringify(objectOf('KubernetesGateway', spec));
  const both = `${istio}\n---\n${own}\n`;

  test('it is another object', () => {
    const { objects, problems } = joinFiles(new Map([['a.yaml', readConfig(both, 'a.yaml')]]));
    expect(problems).toEqual([]);
    const snapshot = new Store().apply('test', objects).objects;
    expect([...snapshot.Gateway.values()]).toMatchObject([{ spec: { servers: [server] } }]);
    expect([...snapshot.KubernetesGateway.values()]).toMatchObject([{ spec }]);
  });

  test.each([
    ['its schema', '"istio"', '5'],
    ['its metadata', '"name":"sample","namespace":"shop"},"spec":{"gateway', '"name":"sample","namespace":"shop","labels":5},"spec":{"gateway'], // prettier-ignore
  ])('a mistake in %s keeps its own last good version', (_where, right, wrong) => {
    expect(both).toContain(right);
    const { objects } = readConfig(both.replace(right, wrong), 'a.yaml', readConfig(both, 'a.yaml'));
    expect(objects.map(({ kind }) => kind)).toEqual(['Gateway', 'KubernetesGateway']);
    expect(objects[1]).toMatchObject({ spec });
  });
});
