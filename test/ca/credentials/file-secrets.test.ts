import { describe, expect, it } from 'vitest';

import { fileSecrets, isFileSecret } from '../../../src/ca/credentials/file-secrets.ts';
import type { Resource } from '../../../src/model/envoy/resource.ts';
import type { Workload } from '../../../src/model/external/secret-source.ts';
import { cachedResource } from '../../../src/xds/codec/cache.ts';
import { printAny } from '../../../src/xds/codec/print.ts';

const workload: Workload = {
  identity: { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' },
  node: { id: 'sidecar~10.0.0.1~web.shop~shop.svc.cluster.local', cluster: 'web', metadata: {} },
};

function secretNamed(name: string): unknown {
  let found: Resource | undefined;
  fileSecrets.watch(workload, name, (secret) => (found = secret), new AbortController().signal);
  if (found === undefined) return undefined;
  const { type, bytes } = cachedResource(found);
  const { '@type': _type, ...message } = printAny(type, bytes);
  return message;
}

describe('certificates in files beside the proxy', () => {
  it('are told by their paths, which Envoy reads itself', () => {
    expect(secretNamed('file-root:/etc/certs/ca.pem')).toEqual({
      name: 'file-root:/etc/certs/ca.pem',
      validationContext: { trustedCa: { filename: '/etc/certs/ca.pem' } },
    });
    expect(secretNamed('file-cert:/etc/certs/tls.crt~/etc/certs/tls.key')).toMatchObject({
      tlsCertificate: { certificateChain: { filename: '/etc/certs/tls.crt' } },
    });
  });

  it('of the system are the bundle of the image', () => {
    expect(secretNamed('file-root:system')).toMatchObject({
      validationContext: { trustedCa: { filename: '/etc/ssl/certs/ca-certificates.crt' } },
    });
  });

  it('are told apart from all other secrets', () => {
    expect(['file-root:x', 'file-cert:x~y', 'default', 'ROOTCA', 'kubernetes://x'].filter(isFileSecret)).toEqual([
      'file-root:x',
      'file-cert:x~y',
    ]);
    expect(secretNamed('default')).toBeUndefined();
  });
});
