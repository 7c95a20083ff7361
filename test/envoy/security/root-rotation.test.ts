// The root changes twice under load, and no request fails: once to a new root of our own, once to an authority that is
// plugged in. Every request between two stock Envoys makes a connection of its own, and so a mutual handshake.
import type { Lab } from '../../support/mesh/lab.ts';

import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { requestRotation } from '../../../src/ca/store/storage.ts';
import { directoryRoot } from '../../../src/daemon/authority/credentials.ts';
import { startEnvoy } from '../../support/mesh/envoy.ts';
import { writeBootstrap } from '../../support/mesh/keelson.ts';
import { startLab } from '../../support/mesh/lab.ts';
import { waitFor } from '../../support/mesh/live-mesh.ts';
import { cacertsOf, makeAuthority } from '../../support/mesh/openssl.ts';
import { destinationRule, peerAuthentication } from '../../support/objects/rules.ts';
import { whoOf } from '../../support/mesh/traffic.ts';

const pace = { look: 50, patience: 700, absence: 3000 };
const oneRequestPerConnection = destinationRule(
  'store',
  `
trafficPolicy:
  connectionPool: { http: { maxRequestsPerConnection: 1 } }
`,
);

let lab: Lab;
let oldBootstrap: object;
let scratch: string;
beforeAll(async () => {
  lab = await startLab({
    workloads: [{ name: 'store-v1', sidecar: true }],
    files: { 'peers.yaml': peerAuthentication('STRICT'), 'rule.yaml': oneRequestPerConnection },
    daemon: { authority: { pace, spread: 500 } },
  });
  scratch = await mkdtemp(join(tmpdir(), 'keelson-old-'));
  const { config, state, daemon } = lab.mesh;
  oldBootstrap = await writeBootstrap({ config, state, port: daemon.port }, 'caller.lab', scratch);
});
afterAll(async () => {
  await lab?.stop();
  await rm(scratch, { recursive: true, force: true });
});

interface Observed {
  readonly answers: ReadonlyMap<string, number>;
  readonly stages: readonly string[];
}

/** Calls without a pause while `begin` has a rotation start and until it is complete. */
async function underLoad(begin: () => Promise<unknown>): Promise<Observed> {
  const answers = new Map<string, number>();
  const stages = new Set<string>();
  const before = lab.mesh.daemon.authority().signer.notAfter;
  const over = new AbortController();
  const caller = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const answer = await lab.call('store').then(whoOf, (error: Error) => error.message);
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
  };
  const callers = [caller(), caller()];
  try {
    await begin();
    await waitFor('the rotation to be complete', () => {
      const { stage, signer } = lab.mesh.daemon.authority();
      if (stage !== 'settled') stages.add(stage);
      return stage === 'settled' && stages.size > 0 && signer.notAfter !== before;
    });
  } finally {
    over.abort();
    await Promise.all(callers);
  }
  return { answers, stages: [...stages] };
}

/** The chain that the store's Envoy shows, and that of the daemon: the subjects, leaf first. */
function shown({ host, port }: { host: string; port: number }, alpn: string, ca?: string): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      ALPNProtocols: [alpn],
      servername: 'localhost',
      ca,
      rejectUnauthorized: ca !== undefined,
    });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      const names: string[] = [];
      let certificate = socket.getPeerX509Certificate();
      for (let depth = 0; certificate !== undefined && depth < 5; depth++) {
        names.push(certificate.issuer);
        certificate = certificate.issuerCertificate;
      }
      socket.destroy();
      resolve(names);
    });
  });
}

/** How many connections the caller's Envoy has made to a service, each with a handshake. */
async function connectionsTo(service: string): Promise<number> {
  const lines = (await lab.mesh.envoys.get('caller')!.admin('/clusters')).split('\n');
  const counts = lines.filter((line) => line.includes(`||${service}.`) && line.includes('::cx_total::'));
  return counts.reduce((sum, line) => sum + Number(line.split('::').at(-1)), 0);
}

/** The roots that peers of this Envoy are checked against. */
async function trustedBy(name: string): Promise<string> {
  const dump = await lab.mesh.envoys.get(name)!.admin('/config_dump?resource=dynamic_active_secrets');
  const { configs } = JSON.parse(dump) as {
    configs: { name: string; secret: { validation_context?: { trusted_ca: { inline_bytes: string } } } }[];
  };
  const secret = configs.find((each) => each.name === 'ROOTCA')?.secret;
  return Buffer.from(secret?.validation_context?.trusted_ca.inline_bytes ?? '', 'base64').toString();
}
const rootInForce = () => directoryRoot(lab.mesh.state, 'cluster.local', Date.now());

test('to a new root of our own', { timeout: 120_000 }, async () => {
  const old = (await rootInForce()).certificate;
  const { answers, stages } = await underLoad(() => requestRotation(lab.mesh.state));
  expect(stages).toEqual(['distributing', 'switching']);
  expect([...answers.keys()]).toEqual(['store-v1']);
  expect(answers.get('store-v1')).toBeGreaterThan(20);
  expect(await connectionsTo('store')).toBeGreaterThanOrEqual(answers.get('store-v1') ?? 0);
  await waitFor('the new root to be kept', async () => (await rootInForce()).certificate !== old);
  const fresh = (await rootInForce()).certificate;
  for (const name of ['caller', 'store-v1'])
    await waitFor('the old root to be gone', async () => (await trustedBy(name)) === fresh);
  const at = { host: '127.0.0.1', port: lab.mesh.daemon.port };
  // Who knows only the old root still gets through to the control plane, and so does who knows only the new one.
  await shown(at, 'h2', old);
  await shown(at, 'h2', fresh);
  expect(lab.mesh.complaints).toEqual([]);
});

test('an Envoy that was set up before joins with the old root', { timeout: 120_000 }, async () => {
  const envoy = await startEnvoy({ bootstrap: oldBootstrap });
  try {
    expect((await envoy.stats('control_plane.connected_state')).get('control_plane.connected_state')).toBe(1);
  } finally {
    await envoy.stop();
  }
});

test('to an authority that is plugged in, with a chain', { timeout: 120_000 }, async () => {
  const made = makeAuthority({ name: 'Acme' });
  const { answers, stages } = await underLoad(() => lab.mesh.change('cacerts.yaml', cacertsOf(made)));
  expect(stages).toEqual(['distributing', 'switching']);
  expect([...answers.keys()]).toEqual(['store-v1']);
  expect((await shown(lab.ingress('store-v1'), 'istio')).slice(0, 2)).toEqual([
    expect.stringContaining('CN=Acme middle'),
    expect.stringContaining('CN=Acme root'),
  ]);
  const root = new X509Certificate(made.root).toString();
  await waitFor('only the plugged-in root to be trusted', async () => (await trustedBy('store-v1')) === root);
  expect(lab.mesh.daemon.authority()).toMatchObject({ origin: 'plugged', stage: 'settled', waiting: [] });
  expect(lab.mesh.complaints).toEqual([]);
});

test(
  'a plugged-in authority that is damaged is told, and the one before stays in force',
  { timeout: 60_000 },
  async () => {
    const [one, other] = [makeAuthority(), makeAuthority()];
    await lab.mesh.change('cacerts.yaml', cacertsOf({ ...one, key: other.key }));
    const problem = () => lab.mesh.daemon.problems().find(({ code }) => code === 'unusable-authority');
    await waitFor('the problem', () => problem() !== undefined);
    expect(problem()?.message).toContain('the private key is not the certificate’s');
    expect(lab.mesh.daemon.authority().signer.subject).toContain('Acme middle');
    expect(whoOf(await lab.call('store'))).toBe('store-v1');
  },
);
