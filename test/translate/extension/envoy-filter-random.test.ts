// Properties of whatever EnvoyFilters are written, for a sidecar, a gateway and a waypoint: nothing crashes, everything can be sent,
// nothing outside of their scope changes, and what is left after changes is what the last state gives from scratch.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Configuration, Layer, NodeInfo, Resource } from '../../../src/model/envoy/resource.ts';
import type { AnyObject } from '../../../src/model/schema/index.ts';
import type { Snapshot } from '../../../src/model/snapshot.ts';
import { defaultInstallation, installationWith } from '../../../src/translate/resolve/settings/mesh-settings.ts';
import { translate } from '../../../src/translate/translate.ts';
import { withDerivedSlices } from '../../../src/watchers/endpoint-slices.ts';
import { parse } from '../../../src/watchers/parse.ts';
import { Store } from '../../../src/watchers/store.ts';
import { cachedResource } from '../../../src/xds/codec/cache.ts';
import { messageTypes } from '../../../src/xds/codec/message-types.ts';
import { randomEnvoyFilters } from '../../support/random/random-envoy-filter.ts';
import type { Raw } from '../../support/random/random-mesh.ts';
import { randomMeshNodes, randomObjects } from '../../support/random/random-mesh.ts';

const installation = installationWith(defaultInstallation.features, messageTypes);

/** As if nobody had checked them: what is wrong with a patch is to be found out by translation. */
function parsed(raws: readonly Raw[]): readonly AnyObject[] {
  const latest = new Map(raws.map((raw) => [`${raw.kind}/${raw.metadata.namespace}/${raw.metadata.name}`, raw]));
  return [...latest.values()].flatMap((raw) => parse(structuredClone(raw)).object ?? []);
}

const api = 'gateway.networking.k8s.io';
const object = (apiVersion: string, kind: string, name: string, spec: object): Raw => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'shop' },
  spec,
});

/** A gateway and a waypoint beside the sidecars; the waypoint is for the Service `web`, if there is one. */
const entrances: readonly Raw[] = [
  object('networking.istio.io/v1', 'Gateway', 'front', {
    selector: { app: 'front' },
    servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
  }),
  object('networking.istio.io/v1', 'VirtualService', 'front', {
    hosts: ['shop.test'],
    gateways: ['front'],
    http: [{ route: [{ destination: { host: 'web' } }] }],
  }),
  object(`${api}/v1`, 'Gateway', 'way', {
    gatewayClassName: 'istio-waypoint',
    listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE' }],
  }),
  { ...object('v1', 'Namespace', 'shop', {}), metadata: { name: 'shop', namespace: '', labels: { 'istio.io/use-waypoint': 'way' } } } as Raw, // prettier-ignore
];

const node = (type: string, name: string, labels: object): NodeInfo => ({
  id: `${type}~10.2.0.7~${name}.shop~shop.svc.cluster.local`,
  cluster: `${name}.shop`,
  metadata: { NAMESPACE: 'shop', SERVICE_ACCOUNT: name, LABELS: labels, INSTANCE_IPS: '10.2.0.7' },
});
const sidecarOf = (namespace: string): NodeInfo => randomMeshNodes.find(({ id }) => id.includes(`.${namespace}~`))!;
const nodes: Readonly<Record<string, NodeInfo>> = {
  sidecar: sidecarOf('shop'),
  gateway: node('router', 'front', { app: 'front', [`${api}/gateway-name`]: 'front' }),
  waypoint: node('waypoint', 'way', { [`${api}/gateway-name`]: 'way' }),
};

const snapshotOf = (raws: readonly Raw[], store = new Store()): Snapshot =>
  store.apply('test', withDerivedSlices(parsed([...raws, ...entrances])));

function configurationIn(snapshot: Snapshot, who: NodeInfo): Configuration {
  const configuration = translate(snapshot, installation).configuration(who);
  if (configuration === undefined) throw new Error(`${who.id} is no proxy`);
  return configuration;
}

const resources = (layers: readonly Layer[]): readonly Resource[] =>
  layers.flatMap((layer) => [...layer.resources.values()]);
const resourcesOf = (configuration: Configuration): readonly Resource[] =>
  Object.values(configuration).flatMap((layers: readonly Layer[]) => resources(layers));

const versions = (configuration: Configuration): readonly string[] =>
  resourcesOf(configuration)
    .map((resource) => `${resource.type} ${resource.name} ${cachedResource(resource).version}`)
    .toSorted();

const filters = randomEnvoyFilters('shop');

it('the proxies that are looked at have something to patch', () => {
  const web = object('v1', 'Service', 'web', { clusterIP: '10.1.0.1', ports: [{ name: 'http', port: 80 }] });
  const listeners = Object.values(nodes).map((who) => resources(configurationIn(snapshotOf([web]), who).listener));
  expect(listeners.map((own) => own.length > 0)).toEqual([true, true, true]);
  expect(JSON.stringify(listeners[2])).toContain('web.shop.svc.cluster.local');
});

it('what is patched can be sent, and nobody else notices', () => {
  fc.assert(
    fc.property(randomObjects, filters, (mesh, patches) => {
      const store = new Store();
      const other = sidecarOf('bank');
      const before = configurationIn(snapshotOf(mesh, store), other);
      const snapshot = snapshotOf([...mesh, ...patches], store);
      for (const each of Object.values(nodes)) versions(configurationIn(snapshot, each));
      const after = configurationIn(snapshot, other);
      expect(resourcesOf(after).every((resource, i) => resource === resourcesOf(before)[i])).toBe(true);
    }),
    { numRuns: 60 },
  );
});

interface Patch {
  readonly applyTo: string;
  readonly match: { readonly context?: string };
}
interface PatchedSpec {
  readonly spec: { readonly configPatches: readonly Patch[] };
}
const keeping = (raws: readonly Raw[], test: (patch: Patch) => boolean): readonly Raw[] =>
  raws.map((raw) => {
    const { spec } = raw as Raw & PatchedSpec;
    return { ...raw, spec: { ...spec, configPatches: spec.configPatches.filter(test) } };
  });

describe('what patches are not about stays the very same', () => {
  const unchanged = (
    who: NodeInfo,
    chosen: (patch: Patch) => boolean,
    kinds: readonly (keyof Configuration)[],
    numRuns = 100,
  ): void =>
    fc.assert(
      fc.property(randomObjects, filters, (mesh, patches) => {
        const store = new Store();
        const before = configurationIn(snapshotOf(mesh, store), who);
        const after = configurationIn(snapshotOf([...mesh, ...keeping(patches, chosen)], store), who);
        for (const kind of kinds) {
          const [now, then] = [resources(after[kind]), resources(before[kind])];
          expect(now.length === then.length && now.every((resource, i) => resource === then[i])).toBe(true);
        }
      }),
      { numRuns },
    );

  const all = ['cluster', 'endpoint', 'listener', 'route', 'virtualHost', 'extension'] as const;

  it.each([
    ['sidecar', ['GATEWAY', 'WAYPOINT']],
    ['gateway', ['SIDECAR_INBOUND', 'SIDECAR_OUTBOUND', 'WAYPOINT']],
    ['waypoint', ['GATEWAY', 'SIDECAR_OUTBOUND', 'WAYPOINT']],
  ] as const)('to a %s: contexts %j', (who, contexts) => {
    const foreign: readonly string[] = contexts;
    unchanged(nodes[who]!, ({ match }) => foreign.includes(match.context ?? 'ANY'), all);
  });

  it.each([
    ['CLUSTER', ['endpoint', 'listener', 'route', 'virtualHost', 'extension']],
    ['HTTP_FILTER', ['cluster', 'endpoint', 'route', 'virtualHost']],
    ['LISTENER', ['cluster', 'endpoint', 'route', 'virtualHost']],
    ['HTTP_ROUTE', ['cluster', 'endpoint', 'extension']],
    ['EXTENSION_CONFIG', ['cluster', 'endpoint', 'listener', 'route', 'virtualHost', 'extension']],
    ['BOOTSTRAP', all],
  ] as const)('to those that apply to %s: kinds %j', (applyTo, kinds) => {
    for (const who of Object.values(nodes)) unchanged(who, (patch) => patch.applyTo === applyTo, kinds, 15);
  });
});

it('patches that come and go leave nothing behind', () => {
  fc.assert(
    fc.property(randomObjects, filters, filters, (mesh, first, second) => {
      const store = new Store();
      for (const who of Object.values(nodes)) {
        configurationIn(snapshotOf([...mesh, ...first], store), who);
        const patched = configurationIn(snapshotOf([...mesh, ...second], store), who);
        expect(versions(patched)).toEqual(versions(configurationIn(snapshotOf([...mesh, ...second]), who)));
        const without = configurationIn(snapshotOf(mesh, store), who);
        expect(versions(without)).toEqual(versions(configurationIn(snapshotOf(mesh), who)));
      }
    }),
    { numRuns: 30 },
  );
});
