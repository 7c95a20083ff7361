// Of which proxies it is told that their certificate has ended, or will: those that are still to be there and that nobody
// renews any more.
import { expect, test } from 'vitest';

import { CertificateHolders } from '../../src/ca/workload/holders.ts';
import { certificateProblems } from '../../src/inspect/certificate-problems.ts';
import type { NodeInfo } from '../../src/model/envoy/resource.ts';
import { FakeClock } from '../ca/fake-clock.ts';
import { snapshotOf } from '../support/objects/snapshot.ts';

const start = Date.parse('2030-01-01T00:00:00Z');
const minute = 60_000;

const pods = `
apiVersion: v1
kind: Pod
metadata: { name: web-1, namespace: shop }
spec: { containers: [{ name: app }] }
status: { phase: Running, podIP: 10.0.0.1 }
---
apiVersion: v1
kind: Pod
metadata: { name: job-1, namespace: shop }
spec: { containers: [{ name: app }] }
status: { phase: Succeeded, podIP: 10.0.0.2 }
`;

const node = (pod: string, address: string): NodeInfo => ({
  id: `sidecar~${address}~${pod}.shop~shop.svc.cluster.local`,
  cluster: '',
  metadata: {},
});
const web = node('web-1', '10.0.0.1');

function told(
  happens: (holders: CertificateHolders, clock: FakeClock) => void,
  connected: readonly string[] = [],
): readonly string[] {
  const clock = new FakeClock(start);
  const holders = new CertificateHolders(clock);
  happens(holders, clock);
  const { objects } = snapshotOf(pods);
  const known = { holders: holders.uncertain(), connected: new Set(connected), objects, now: clock.now() };
  return certificateProblems(known).map(({ code, source, message }) => `${code} ${source?.name}: ${message}`);
}

/** Has a certificate for ten minutes, goes after one, and stays away for so long. */
const away =
  (minutes: number, of = web) =>
  (holders: CertificateHolders, clock: FakeClock): void => {
    holders.joined(of);
    holders.issued(of, start + 10 * minute);
    clock.pass(minute);
    holders.left(of);
    clock.pass(minutes * minute);
  };

test('who starts again is nothing to tell of; who stays away is, and once more when the certificate ends', () => {
  expect(told(away(0.5))).toEqual([]);
  const [absent = ''] = told(away(2));
  expect(absent).toContain('proxy-not-connected web-1: its proxy (10.0.0.1) keeps what it had');
  expect(absent).toContain('its certificate ends at 2030-01-01T00:10:00Z');
  const [ended = ''] = told(away(20));
  expect(ended).toContain('expired-workload-certificate web-1: the certificate of its proxy (10.0.0.1) ended at');
  expect(ended).toContain('not connected to the control plane since 2030-01-01T00:01:00Z');
});

test('not of who is connected again, to this replica or another one', () => {
  expect(told(away(20), ['web-1.shop'])).toEqual([]);
  expect(told((holders, clock) => (away(20)(holders, clock), holders.joined(web)))).toEqual([]);
});

test('not of a Pod that has ended or is gone', () => {
  expect(told(away(20, node('job-1', '10.0.0.2')))).toEqual([]);
  expect(told(away(20, node('old-1', '10.0.0.3')))).toEqual([]);
});

test('of who is connected and gets no newer certificate, with the words of the authority', () => {
  const failing = (minutes: number) => (holders: CertificateHolders, clock: FakeClock) => {
    holders.joined(web);
    holders.issued(web, start + 10 * minute);
    holders.failed(web, 'the root has ended');
    clock.pass(minutes * minute);
  };
  expect(told(failing(5), ['web-1.shop'])).toEqual([]);
  const [ended = ''] = told(failing(20), ['web-1.shop']);
  expect(ended).toContain('the control plane cannot make a new one (the root has ended)');
});

test('what is remembered has a limit: the longest gone is forgotten', () => {
  const holders = new CertificateHolders(new FakeClock(start));
  for (let i = 0; i < 10_005; i++) {
    const each = node(`web-${i}`, '10.0.0.1');
    holders.issued(each, start);
    holders.left(each);
  }
  const names = holders.uncertain().map(({ proxy }) => proxy);
  expect([names.length, names[0]]).toEqual([10_000, 'web-5.shop']);
});
