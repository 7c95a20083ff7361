import { describe, expect, it } from 'vitest';

import {
  groupPeerAuthentications,
  namespaceMtls,
  peerAuthenticationsFor,
  workloadMtls,
} from '../../../src/translate/resolve/security/peer-authentication.ts';
import { snapshotOf } from '../../support/objects/snapshot.ts';

const policy = (namespace: string, name: string, spec: string, created = '2026-01-01T00:00:00Z'): string => `---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: ${name}, namespace: ${namespace}, creationTimestamp: '${created}'}
spec: ${spec}
`;

function policiesFor(namespace: string, ...yaml: readonly string[]): ReturnType<typeof peerAuthenticationsFor> {
  const objects = snapshotOf(yaml.join('')).objects.PeerAuthentication;
  return peerAuthenticationsFor(groupPeerAuthentications([...objects.values()]), namespace, 'istio-system');
}

describe('PeerAuthentication', () => {
  it('is permissive when nobody said anything', () => {
    expect(workloadMtls(policiesFor('shop'), {})).toEqual({ mode: 'PERMISSIVE', ports: {} });
  });

  it('of the namespace goes before that of the mesh, and UNSET inherits', () => {
    const mesh = policy('istio-system', 'default', '{mtls: {mode: STRICT}}');
    expect(namespaceMtls(policiesFor('shop', mesh))).toBe('STRICT');
    expect(namespaceMtls(policiesFor('shop', mesh, policy('shop', 'default', '{mtls: {mode: DISABLE}}')))).toBe(
      'DISABLE',
    );
    expect(namespaceMtls(policiesFor('shop', mesh, policy('shop', 'default', '{mtls: {mode: UNSET}}')))).toBe('STRICT');
  });

  it('of a workload goes before both, port by port', () => {
    const policies = policiesFor(
      'shop',
      policy('shop', 'default', '{mtls: {mode: STRICT}}'),
      policy(
        'shop',
        'web',
        '{selector: {matchLabels: {app: web}}, mtls: {mode: PERMISSIVE}, portLevelMtls: {9000: {mode: DISABLE}}}',
      ),
    );
    expect(workloadMtls(policies, { app: 'web' })).toEqual({ mode: 'PERMISSIVE', ports: { 9000: 'DISABLE' } });
    expect(workloadMtls(policies, { app: 'other' })).toEqual({ mode: 'STRICT', ports: {} });
  });

  it('is the oldest of several for the same scope', () => {
    const policies = policiesFor(
      'shop',
      policy('shop', 'a', '{mtls: {mode: STRICT}}', '2026-02-01T00:00:00Z'),
      policy('shop', 'z', '{mtls: {mode: DISABLE}}', '2026-01-01T00:00:00Z'),
    );
    expect(namespaceMtls(policies)).toBe('DISABLE');
  });

  it('with a selector has no effect in the root namespace', () => {
    const selecting = policy('istio-system', 'web', '{selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}}');
    for (const namespace of ['shop', 'istio-system'])
      expect(workloadMtls(policiesFor(namespace, selecting), { app: 'web' }).mode).toBe('PERMISSIVE');
  });

  it('is the oldest alone of several for one workload, ports included', () => {
    const policies = policiesFor(
      'shop',
      policy(
        'shop',
        'a',
        '{selector: {matchLabels: {app: web}}, portLevelMtls: {9000: {mode: STRICT}}}',
        '2026-02-01T00:00:00Z',
      ),
      policy('shop', 'z', '{selector: {matchLabels: {app: web}}, mtls: {mode: DISABLE}}', '2026-01-01T00:00:00Z'),
    );
    expect(workloadMtls(policies, { app: 'web' })).toEqual({ mode: 'DISABLE', ports: {} });
  });
});
