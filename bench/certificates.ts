// A storm of proxies that all start at once: how many certificates a second come out, and for how long the event loop does
// nothing else meanwhile. `node bench/certificates.ts [COUNT]`
import { createPublicKey } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';

import 'reflect-metadata'; // before @peculiar/x509, which does not load without it
import * as x509 from '@peculiar/x509';

import type { Authority } from '../src/ca/authority.ts';
import type { KeyAlgorithm } from '../src/ca/certificate/keys.ts';

import { createRoot, openAuthority } from '../src/ca/authority.ts';
import { certificateIssuer } from '../src/ca/workload/certificate-service.ts';
import { generateKeys } from '../src/ca/certificate/keys.ts';
import { workloadTemplate } from '../src/ca/certificate/template.ts';

const count = Number(process.argv[2] ?? 2000);
const hour = 3600_000;

interface Storm {
  readonly storm: string;
  readonly root: KeyAlgorithm;
  readonly certificates: number;
  readonly perSecond: number;
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
}

const identity = (index: number) => ({
  trustDomain: 'cluster.local',
  namespace: `space-${index % 50}`,
  serviceAccount: `workload-${index}`,
});

async function measure(storm: string, root: KeyAlgorithm, times: number, one: (index: number) => Promise<unknown>) {
  await Promise.all(Array.from({ length: 50 }, (_, index) => one(index)));
  const resolution = 1;
  const delay = monitorEventLoopDelay({ resolution });
  delay.enable();
  const start = performance.now();
  await Promise.all(Array.from({ length: times }, (_, index) => one(index)));
  const seconds = (performance.now() - start) / 1000;
  delay.disable();
  // A measurement waits for a millisecond itself.
  const milliseconds = (nanoseconds: number): number =>
    Math.round(Math.max(0, nanoseconds / 1e6 - resolution) * 10) / 10;
  const [delayP99Ms, delayMaxMs] = [milliseconds(delay.percentile(99)), milliseconds(delay.max)];
  return { storm, root, certificates: times, perSecond: Math.round(times / seconds), delayP99Ms, delayMaxMs };
}

async function authorityOf(root: KeyAlgorithm): Promise<Authority> {
  return openAuthority(await createRoot('cluster.local', Date.now(), 1000 * hour, root));
}

const overSds = (authority: Authority) => (index: number) => {
  const names = { namespace: `space-${index % 50}`, workload: `workload-${index}`, app: 'app', version: 'v1' };
  return authority.issue(workloadTemplate(identity(index), names, Date.now(), hour));
};

/** With the one same request: reading and checking it is what counts. */
async function forRequests(
  authority: Authority,
  algorithm: KeyAlgorithm,
): Promise<(index: number) => Promise<unknown>> {
  const answer = certificateIssuer({
    authority,
    authenticate: () => Promise.resolve(undefined),
    onCertified: () => Promise.resolve(),
    onFault: (_caller, error) => console.error(error),
    maxWaiting: Infinity,
  });
  const csr = await signingRequest(algorithm);
  return async (index) => {
    const reply = await answer(identity(index), { csr, validityDuration: '0', metadata: null });
    if (!('certChain' in reply)) throw new Error(reply.details);
  };
}

async function signingRequest(algorithm: KeyAlgorithm): Promise<string> {
  const { privateKey } = await generateKeys(algorithm);
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  const name =
    algorithm === 'ecdsa-p256'
      ? { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
      : { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const keys = {
    publicKey: await crypto.subtle.importKey('spki', spki, name, true, ['verify']),
    privateKey: await crypto.subtle.importKey('pkcs8', pkcs8, name, true, ['sign']),
  };
  return (
    await x509.Pkcs10CertificateRequestGenerator.create({ name: 'CN=any', keys, signingAlgorithm: name })
  ).toString('pem');
}

const ecdsa = await authorityOf('ecdsa-p256');
const rsa = await authorityOf('rsa-2048');
const storms: readonly Storm[] = [
  await measure('over SDS', 'ecdsa-p256', count, overSds(ecdsa)),
  await measure('over SDS', 'rsa-2048', count, overSds(rsa)),
  await measure('for requests, P-256', 'ecdsa-p256', count, await forRequests(ecdsa, 'ecdsa-p256')),
  await measure('for requests, RSA', 'rsa-2048', count, await forRequests(rsa, 'rsa-2048')),
];
console.table(storms);
