// Certificates of the user's own: in which form they come, who may have them, and when they are told anew.
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';

import { createRoot } from '../../../src/ca/authority.ts';
import type { CredentialSecretsOptions } from '../../../src/ca/credentials/credential-secrets.ts';
import { credentialSecrets, isCredential } from '../../../src/ca/credentials/credential-secrets.ts';
import type { Resource } from '../../../src/model/envoy/resource.ts';
import type { Workload } from '../../../src/model/external/secret-source.ts';
import type { Snapshot } from '../../../src/model/snapshot.ts';
import { snapshotOf } from '../../support/objects/snapshot.ts';

const hour = 60 * 60_000;
let certificate: string;
let privateKey: string;
let strange: string;
beforeAll(async () => {
  ({ certificate, privateKey } = await createRoot('cluster.local', Date.now(), hour));
  ({ privateKey: strange } = await createRoot('cluster.local', Date.now(), hour));
});

const gate: Workload = {
  identity: { trustDomain: 'cluster.local', namespace: 'edge', serviceAccount: 'gate' },
  node: { id: 'router~10.0.0.1~gate-1.edge~edge.svc.cluster.local', cluster: '', metadata: {} },
};

const indented = (data: Readonly<Record<string, string>>): string =>
  Object.entries(data)
    .map(([key, text]) => `  ${key}: ${JSON.stringify(text)}\n`)
    .join('');
const secret = (name: string, data: Readonly<Record<string, string>>, namespace = 'edge'): string =>
  `---\napiVersion: v1\nkind: Secret\nmetadata: {name: ${name}, namespace: ${namespace}}\nstringData:\n${indented(data)}`;
const pair = () => ({ 'tls.crt': certificate, 'tls.key': privateKey });

/** All that is told of a name while `change` makes other worlds of the first. */
function watching(first: Snapshot, name: string, options: Partial<CredentialSecretsOptions> = {}) {
  let snapshot = first;
  const told: (Resource | undefined)[] = [];
  const source = credentialSecrets({
    objects: () => snapshot.objects,
    mayReadSecret: () => true,
    isGranted: () => false,
    onFault: () => {},
    ...options,
  });
  const end = new AbortController();
  source.watch(gate, name, (found) => told.push(found), end.signal);
  return {
    told,
    end: () => end.abort(),
    replace: (next: Snapshot) => {
      snapshot = next;
      source.update();
    },
  };
}

const text = (bytes: { inline_bytes: string } | undefined) =>
  bytes === undefined ? undefined : Buffer.from(bytes.inline_bytes, 'base64').toString();
interface Message {
  readonly tls_certificate?: Record<string, { inline_bytes: string }>;
  readonly validation_context?: Record<string, { inline_bytes: string }>;
}
const content = (found: Resource | undefined) => {
  const message: Message | undefined = found?.message;
  const fields = Object.entries(message?.tls_certificate ?? message?.validation_context ?? {});
  return message === undefined ? undefined : Object.fromEntries(fields.map(([key, value]) => [key, text(value)]));
};

describe('a credential', () => {
  it('is the certificate and key of a Secret, in either spelling', () => {
    const found = { certificate_chain: certificate, private_key: privateKey };
    expect(content(watching(snapshotOf(secret('shop', pair())), 'kubernetes://shop').told[0])).toEqual(found);
    const generic = secret('shop', { cert: certificate, key: privateKey, 'tls.ocsp-staple': 'stapled' });
    expect(content(watching(snapshotOf(generic), 'kubernetes://edge/shop').told[0])).toEqual({
      ...found,
      ocsp_staple: 'stapled',
    });
  });

  it('with authorities is a Secret of their own, or what stands beside the certificate', () => {
    const beside = secret('shop', { ...pair(), 'ca.crt': certificate, 'ca.crl': 'revoked' });
    const name = 'kubernetes://shop-cacert';
    expect(content(watching(snapshotOf(beside), name).told[0])).toEqual({ trusted_ca: certificate, crl: 'revoked' });
    const own = secret('shop-cacert', { cacert: certificate });
    expect(content(watching(snapshotOf(beside + own), name).told[0])).toEqual({ trusted_ca: certificate });
  });

  it.each([
    ['that is not there', '', 'kubernetes://shop'],
    ['whose key is that of another certificate', 'strange', 'kubernetes://shop'],
    ['of another namespace', 'pair', 'kubernetes://bank/shop'],
    ['that nobody granted', 'pair', 'kubernetes-gateway://edge/shop'],
    ['with a name for nothing', 'pair', 'invalid://edge/shop'],
  ])('%s is not given out', (_what, kind, name) => {
    const data = kind === 'strange' ? { ...pair(), 'tls.key': strange } : pair();
    const yaml = kind === '' ? '' : secret('shop', data) + secret('shop', data, 'bank');
    expect(watching(snapshotOf(yaml), name).told).toEqual([undefined]);
  });

  it('is for a Gateway of Gateway API wherever it is granted', () => {
    const granted = { isGranted: (_: Workload, name: string) => name === 'kubernetes-gateway://bank/shop' };
    const { told } = watching(snapshotOf(secret('shop', pair(), 'bank')), 'kubernetes-gateway://bank/shop', granted);
    expect(content(told[0])).toMatchObject({ private_key: privateKey });
  });

  it('is never told to a proxy that could not fetch it, whatever it is asked by', () => {
    const place = fc.constantFrom('', 'edge/', 'bank/', '/', '../bank/', 'edge/../bank/');
    const scheme = fc.constantFrom('kubernetes://', 'kubernetes-gateway://', 'configmap://', 'kubernetes:/', '');
    const asked = fc.tuple(scheme, place, fc.constantFrom('shop', 'shop-cacert', 'bank/shop', '')).map((all) => all.join('')); // prettier-ignore
    const data = { ...pair(), 'ca.crt': certificate };
    const world = snapshotOf(secret('shop', data) + secret('shop', data, 'bank'));
    let found = 0;
    fc.assert(
      fc.property(asked, asked, fc.subarray(['edge', 'bank']), (name, grantedName, readable) => {
        const { told } = watching(world, name, {
          mayReadSecret: (_, namespace) => readable.includes(namespace),
          isGranted: (_, wanted) => wanted === grantedName,
        });
        const [, namespace = 'edge'] = /:\/\/(?:([^/]+)\/)?[^/]+$/.exec(name) ?? [];
        const own = namespace === 'edge' && readable.includes('edge');
        if (told.some((each) => each !== undefined)) found++;
        else return true;
        return own || name === grantedName;
      }),
      { numRuns: 1000 },
    );
    expect(found).toBeGreaterThan(0);
  });

  it('is told anew when its object changes, and when the right to it ends', () => {
    let allowed = true;
    const watch = watching(snapshotOf(secret('shop', pair())), 'kubernetes://shop', { mayReadSecret: () => allowed });
    watch.replace(snapshotOf(secret('shop', { ...pair(), 'tls.ocsp-staple': 'stapled' })));
    watch.replace(snapshotOf(secret('shop', { ...pair(), 'tls.ocsp-staple': 'stapled' }) + secret('other', pair())));
    allowed = false;
    watch.replace(snapshotOf(secret('shop', pair())));
    watch.end();
    watch.replace(snapshotOf(''));
    expect(
      watch.told.map((found) => content(found)?.['ocsp_staple'] ?? (found === undefined ? 'gone' : 'none')),
    ).toEqual(['none', 'stapled', 'stapled', 'gone']);
  });

  it('waits for the answer whether it may be given out, and an older answer never counts after a newer one', async () => {
    const answers: ((allowed: boolean) => void)[] = [];
    const watch = watching(snapshotOf(secret('shop', pair())), 'kubernetes://shop', {
      mayReadSecret: () => new Promise<boolean>((resolve) => answers.push(resolve)),
    });
    watch.replace(snapshotOf(secret('shop', pair())));
    expect(watch.told).toEqual([]);
    answers[1]?.(false);
    answers[0]?.(true);
    await Promise.resolve();
    await Promise.resolve();
    expect(watch.told).toEqual([undefined]);
  });

  it('is withheld when nobody can say', async () => {
    const faults: unknown[] = [];
    const watch = watching(snapshotOf(secret('shop', pair())), 'kubernetes://shop', {
      mayReadSecret: () => Promise.reject(new Error('no answer')),
      onFault: (_, error) => faults.push(error),
    });
    await new Promise(setImmediate);
    expect(watch.told).toEqual([undefined]);
    expect(faults).toHaveLength(1);
  });

  it('never shows its key in print', () => {
    const { objects } = snapshotOf(secret('shop', pair()));
    expect(JSON.stringify([...objects.Secret.values()])).not.toContain(privateKey.split('\n')[1]);
  });

  it('is no name of the mesh’s own secrets', () => {
    expect(['default', 'ROOTCA', 'file-cert:a~b', 'kubernetes://shop'].filter(isCredential)).toEqual([
      'kubernetes://shop',
    ]);
  });
});
