// What a change of policies costs: the listeners of the workloads that they select, and nothing else.
import { describe, expect, it } from 'vitest';

import type { KeySets } from '../../../src/model/external/key-source.ts';
import type { Resource } from '../../../src/model/envoy/resource.ts';
import type { Snapshot } from '../../../src/model/snapshot.ts';
import { parse } from '../../../src/watchers/parse.ts';
import { Store } from '../../../src/watchers/store.ts';
import { defaultInstallation } from '../../../src/translate/resolve/settings/mesh-settings.ts';
import { translate } from '../../../src/translate/translate.ts';
import { objectsOf } from '../../support/objects/snapshot.ts';

const workload = (name: string, address: string): string => `---
apiVersion: v1
kind: Pod
metadata: {name: ${name}-1, namespace: garden, labels: {app: ${name}}}
spec: {containers: [{name: app}]}
status: {podIP: ${address}}
---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: garden}
spec: {selector: {app: ${name}}, clusterIP: 10.0.0.${address.split('.')[3]}, ports: [{name: http, port: 80}]}
`;

const uri = (name: string): string => `https://${name}.example/keys`;

const policies = (name: string, path: string): string => `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ${name}, namespace: garden}
spec: {selector: {matchLabels: {app: ${name}}}, rules: [{to: [{operation: {paths: [${path}]}}]}]}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: ${name}, namespace: garden}
spec: {selector: {matchLabels: {app: ${name}}}, jwtRules: [{issuer: ${name}, jwksUri: '${uri(name)}'}]}
`;

/** As a directory gives it: what was not touched stays the same object. */
function meshes() {
  const store = new Store();
  store.apply('services', objectsOf(workload('rose', '10.9.0.1') + workload('oak', '10.9.0.2')));
  store.apply('oak', objectsOf(policies('oak', '/acorn')));
  return (path: string): Snapshot => store.apply('rose', objectsOf(policies('rose', path)));
}

function listener(snapshot: Snapshot, name: string, address: string, keys: KeySets = new Map()): Resource | undefined {
  const node = {
    id: `sidecar~${address}~${name}-1.garden~garden.svc.cluster.local`,
    cluster: '',
    metadata: { LABELS: { app: name } },
  };
  const layers = translate(snapshot, defaultInstallation, keys).configuration(node)?.listener ?? [];
  return layers.flatMap((layer) => layer.resources.get('virtualInbound') ?? [])[0];
}

describe('a changed policy', () => {
  it('rebuilds the listener of the workload that it selects and of no other', () => {
    const mesh = meshes();
    const [before, after] = [mesh('/bed'), mesh('/vase')];
    expect(listener(after, 'rose', '10.9.0.1')).not.toBe(listener(before, 'rose', '10.9.0.1'));
    const oak = listener(before, 'oak', '10.9.0.2');
    expect(JSON.stringify(oak?.message)).toContain('/acorn');
    expect(listener(after, 'oak', '10.9.0.2')).toBe(oak);
  });

  it('of the same content rebuilds nothing', () => {
    const mesh = meshes();
    const [before, after] = [mesh('/bed'), mesh('/bed')];
    expect(listener(after, 'rose', '10.9.0.1')).toBe(listener(before, 'rose', '10.9.0.1'));
  });
});

describe('fetched keys', () => {
  it('rebuild the listeners that verify with them and no other', () => {
    const snapshot = meshes()('/bed');
    const old: KeySets = new Map([
      [uri('rose'), '{"keys":[{"kty":"RSA"}]}'],
      [uri('oak'), '{"keys":[{"kty":"RSA"}]}'],
    ]);
    const fresh: KeySets = new Map([...old, [uri('rose'), '{"keys":[{"kty":"EC"}]}']]);
    const oak = listener(snapshot, 'oak', '10.9.0.2', old);
    expect(listener(snapshot, 'rose', '10.9.0.1', fresh)).not.toBe(listener(snapshot, 'rose', '10.9.0.1', old));
    expect(listener(snapshot, 'oak', '10.9.0.2', fresh)).toBe(oak);
  });
});

describe('admission', () => {
  it('refuses what translation could not read', () => {
    const spec = { rules: [{ when: [{ key: 'request.weather', values: ['rain'] }] }] };
    const raw = {
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'p', namespace: 'n' },
      spec,
    };
    expect(parse(raw).object).toBeUndefined();
  });
});
