// Who reaches an app under which form of mutual TLS: callers of the mesh and callers outside it, over HTTP and TCP.
// https://istio.io/latest/docs/concepts/security/#peer-authentication
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { GuardedApp } from '../../support/mesh/guarded-app.ts';

import { httpPort, startGuardedApp, tcpPort } from '../../support/mesh/guarded-app.ts';
import { sendLine } from '../../support/mesh/traffic.ts';

/** Whether an answer came, and whether the app was told of the caller's identity. */
type Outcome = 'identified' | 'anonymous' | 'refused';

const levels = (port: number, mode: string): object => ({ portLevelMtls: { [port]: { mode } } });

describe('a stock Envoy', { timeout: 120_000 }, () => {
  let gate: GuardedApp;
  beforeAll(async () => {
    gate = await startGuardedApp();
  }, 120_000);
  afterAll(() => gate?.stop());

  async function overHttp(from: 'guard' | '127.0.0.1'): Promise<Outcome> {
    const { status, body } = await gate.call({ from }).catch(() => ({ status: 0, body: '' }));
    if (status !== 200) return 'refused';
    return body.includes('URI=spiffe://cluster.local/ns/lab/sa/guard') ? 'identified' : 'anonymous';
  }

  /** The app sees nothing of a TCP connection's caller; a policy does. */
  const overTcp = async (inside: boolean): Promise<boolean> =>
    (await sendLine(inside ? gate.meshTcp : gate.tcp, 'hello\n').catch(() => '')).includes('hello');

  test.each<[string, readonly object[], Outcome, Outcome, boolean, boolean]>([
    ['nothing said', [], 'identified', 'anonymous', true, true],
    ['PERMISSIVE', [{ mtls: { mode: 'PERMISSIVE' } }], 'identified', 'anonymous', true, true],
    ['STRICT', [{ mtls: { mode: 'STRICT' } }], 'identified', 'refused', true, false],
    ['DISABLE', [{ mtls: { mode: 'DISABLE' } }], 'anonymous', 'anonymous', true, true],
    [
      'STRICT but for HTTP',
      [{ mtls: { mode: 'STRICT' }, ...levels(httpPort, 'PERMISSIVE') }],
      'identified',
      'anonymous',
      true,
      false,
    ],
    [
      'STRICT but for TCP',
      [{ mtls: { mode: 'STRICT' }, ...levels(tcpPort, 'DISABLE') }],
      'identified',
      'refused',
      true,
      true,
    ],
    [
      'DISABLE but for HTTP',
      [{ mtls: { mode: 'DISABLE' }, ...levels(httpPort, 'STRICT') }],
      'identified',
      'refused',
      true,
      true,
    ],
    [
      'PERMISSIVE but for TCP',
      [{ mtls: { mode: 'PERMISSIVE' }, ...levels(tcpPort, 'STRICT') }],
      'identified',
      'anonymous',
      true,
      false,
    ],
  ])('under %s', async (_, specs, insideHttp, outsideHttp, insideTcp, outsideTcp) => {
    await gate.apply('PeerAuthentication', specs);
    const http = [await overHttp('guard'), await overHttp('127.0.0.1')];
    const tcp = [await overTcp(true), await overTcp(false)];
    expect({ http, tcp }).toEqual({ http: [insideHttp, outsideHttp], tcp: [insideTcp, outsideTcp] });
  });

  test('refused nothing of its configuration', () => {
    expect([...gate.mesh.envoys.values()].flatMap((envoy) => envoy.nacks())).toEqual([]);
  });
});
