// What a stock Envoy does with policies: every request of the corpus has the verdict that Istio's documentation gives.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { GuardedApp } from '../../support/mesh/guarded-app.ts';

import { corpus } from '../../support/objects/corpus.ts';
import { startGuardedApp } from '../../support/mesh/guarded-app.ts';
import { repeat, sendLine } from '../../support/mesh/traffic.ts';

describe('a stock Envoy with AuthorizationPolicies', { timeout: 180_000 }, () => {
  let gate: GuardedApp;
  beforeAll(async () => {
    gate = await startGuardedApp();
  }, 120_000);
  afterAll(() => gate?.stop());

  test('has a corpus of at least 200 requests', () => {
    expect(corpus.reduce((count, { cases }) => count + cases.length, 0)).toBeGreaterThanOrEqual(200);
  });

  test.each(corpus)('$name', async ({ policies, cases }) => {
    await gate.apply('AuthorizationPolicy', policies);
    const wrong = async () => {
      const answers = await repeat(
        cases.length,
        async (i) => {
          const [request, expected] = cases[i] ?? [{}, 200];
          return { request, expected, actual: (await gate.call(request)).status };
        },
        4,
      );
      return answers.filter(({ expected, actual }) => actual !== expected);
    };
    // A worker of Envoy may take up a listener a moment after it was acknowledged.
    await expect.poll(wrong, { timeout: 5000, interval: 200 }).toEqual([]);
  });

  test('lets everybody in when no policy is left, and no refused request ever reached the app', async () => {
    await gate.apply('AuthorizationPolicy', [{ rules: [{ to: [{ operation: { paths: ['/only'] } }] }] }]);
    const before = gate.app.arrivals.length;
    expect((await gate.call({ path: '/other' })).status).toBe(403);
    expect(gate.app.arrivals.length).toBe(before);
    await gate.apply('AuthorizationPolicy', []);
    expect((await gate.call({ path: '/other' })).status).toBe(200);
  });

  describe('on a TCP port', () => {
    const reaches = async (): Promise<boolean> =>
      (await sendLine(gate.tcp, 'hello\n').catch(() => '')).includes('hello');

    test.each([
      ['an ALLOW by address lets in', { rules: [{ from: [{ source: { ipBlocks: ['127.0.0.0/8'] } }] }] }, true],
      ['an ALLOW by path lets nobody in', { rules: [{ to: [{ operation: { paths: ['/'] } }] }] }, false],
      [
        'a DENY by path shuts everybody out',
        { action: 'DENY', rules: [{ to: [{ operation: { paths: ['/x'] } }] }] },
        false,
      ],
      [
        'a DENY by path and another port does nothing',
        { action: 'DENY', rules: [{ to: [{ operation: { paths: ['/x'], ports: ['18080'] } }] }] },
        true,
      ],
      ['an ALLOW by principal refuses plaintext', { rules: [{ from: [{ source: { principals: ['*'] } }] }] }, false],
    ])('%s', async (_, policy, expected) => {
      await gate.apply('AuthorizationPolicy', [policy]);
      expect(await reaches()).toBe(expected);
    });
  });

  test('refused nothing of its configuration', () => {
    expect([...gate.mesh.envoys.values()].flatMap((envoy) => envoy.nacks())).toEqual([]);
  });
});
