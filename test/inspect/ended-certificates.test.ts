// What an ended certificate does to a traced request: some endpoints, all of them, or the sender itself cannot shake hands.
import { expect, test } from 'vitest';

import { withEndedCertificates } from '../../src/inspect/ended-certificates.ts';
import type { Problem } from '../../src/model/problem.ts';
import type { Hop } from '../../src/trace/journey.ts';
import type { Upstream } from '../../src/trace/step.ts';

const ended = (name: string, address: string): Problem => ({
  code: 'expired-workload-certificate',
  severity: 'warning',
  message: `the certificate of its proxy (${address}) ended`,
  source: { kind: 'Pod', namespace: 'shop', name },
});
const endpoint = (address: string, mutual = true): Upstream => ({
  address,
  port: 80,
  tls: { serverName: 'store', protocols: [], mutual },
});
const sent = { method: 'GET', host: 'store', path: '/', headers: {}, claims: undefined };

function outcome(endpoints: readonly Upstream[], ...problems: readonly Problem[]) {
  const ending = { kind: 'forwarded', cluster: 'store', endpoints } as const;
  const branch = { probability: 1, steps: [], ending, route: '', cluster: 'store', sent, next: [] };
  const hop: Hop = { proxy: 'web-1.shop', direction: 'outbound', branches: [branch] };
  const [first] = withEndedCertificates(hop, problems).branches;
  return { ending: first?.ending, steps: first?.steps.map(({ outcome: words }) => words) };
}

const two = [endpoint('10.0.0.1'), endpoint('10.0.0.10')];

test('of one endpoint of two: the request may still arrive, and the other one is not taken for it', () => {
  const { ending, steps } = outcome(two, ended('store-1', '10.0.0.1'));
  expect(ending).toMatchObject({ kind: 'forwarded' });
  expect(steps).toEqual(['the certificate of 1 of 2 endpoints has ended: handshakes with it fail']);
});

test('of all endpoints, or of who sends: it cannot', () => {
  const failed = { kind: 'response', status: 503, flags: 'UF' };
  expect(outcome(two, ended('store-1', '10.0.0.1'), ended('store-2', '10.0.0.10')).ending).toMatchObject(failed);
  const own = outcome(two, ended('web-1', '10.0.0.3'));
  expect(own.ending).toMatchObject(failed);
  expect(own.steps).toEqual(['the certificate that this proxy shows has ended: the handshake fails']);
});

test('of nobody whose certificate is asked for: nothing is said', () => {
  const plain = [endpoint('10.0.0.1', false)];
  expect(outcome(plain, ended('store-1', '10.0.0.1'), ended('web-1', '10.0.0.3')).steps).toEqual([]);
  expect(outcome(two, ended('other-1', '10.0.0.100')).steps).toEqual([]);
});
