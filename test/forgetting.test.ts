// What steps remember they remember of their arguments: when these are gone it must be gone, too, or each change would be held
// for as long as the daemon runs.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { setImmediate } from 'node:timers/promises';

import { expect, it } from 'vitest';

import { applyObjects, meshOf, nodesOf } from '../bench/mesh.ts';
import { cachedResource } from '../src/xds/codec/cache.ts';
import { translate } from '../src/translate/translate.ts';
import { withPushedHosts } from '../src/xds/subscription/pushed-hosts.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const metadata = { name: 'svc-0000', namespace: 'mesh-0' };
const all = { name: 'all', namespace: 'istio-system' };
const networking = 'networking.istio.io/v1';

/** An object that says something else each time. */
const changing: Readonly<Record<string, (time: number) => Parameters<typeof applyObjects>[1][number]>> = {
  VirtualService: (time) => ({
    apiVersion: networking,
    kind: 'VirtualService',
    metadata,
    spec: { hosts: ['svc-0000'], http: [{ timeout: `${time + 1}s`, route: [{ destination: { host: 'svc-0000' } }] }] },
  }),
  DestinationRule: (time) => ({
    apiVersion: networking,
    kind: 'DestinationRule',
    metadata,
    spec: { host: 'svc-0000', trafficPolicy: { connectionPool: { tcp: { maxConnections: time + 1 } } } },
  }),
  Sidecar: (time) => ({
    apiVersion: networking,
    kind: 'Sidecar',
    metadata: { name: 'default', namespace: 'mesh-0' },
    spec: { egress: [{ hosts: [`./svc-00${String(time).padStart(2, '0')}.mesh-0.svc.cluster.local`, 'mesh-1/*'] }] },
  }),
  ServiceEntry: (time) => ({
    apiVersion: networking,
    kind: 'ServiceEntry',
    metadata,
    spec: {
      hosts: [`h${time}.example.com`],
      ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
      resolution: 'DNS',
    },
  }),
  Service: (time) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'extra', namespace: 'mesh-0' },
    spec: {
      clusterIP: `10.97.1.${time + 1}`,
      selector: { app: 'svc-0000' },
      ports: [{ name: 'http', port: 80 }],
    },
  }),
  AuthorizationPolicy: (time) => ({
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: all,
    spec: { action: 'DENY', rules: [{ to: [{ operation: { paths: [`/p${time}`] } }] }] },
  }),
  Telemetry: (time) => ({
    apiVersion: 'telemetry.istio.io/v1',
    kind: 'Telemetry',
    metadata: all,
    spec: {
      metrics: [
        { providers: [{ name: 'prometheus' }], overrides: [{ tagOverrides: { tag: { value: `'v${time}'` } } }] },
      ],
    },
  }),
  EnvoyFilter: (time) => ({
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'EnvoyFilter',
    metadata: all,
    spec: {
      configPatches: [
        {
          applyTo: 'CLUSTER',
          match: { context: 'SIDECAR_OUTBOUND' },
          patch: { operation: 'MERGE', value: { connect_timeout: `${time + 1}s` } },
        },
      ],
    },
  }),
};

const times = 24;
/** The last ones are compared with what comes next, and what follows from the first one may be told by how it differs from that. */
const recent = 4;
const few = 4;

it.each(Object.keys(changing))('what came of a %s is forgotten when it has changed', async (kind) => {
  const nodes = nodesOf(4);
  const made: WeakRef<object>[][] = [];
  let snapshot = meshOf(30);
  for (let time = 0; time < times; time++) {
    snapshot = applyObjects(snapshot, [changed(kind, time)]);
    made.push(whatComesOf(snapshot, nodes));
    await setImmediate();
  }
  const current = new Set(made.at(-1)?.map((each) => each.deref()));
  await setImmediate();
  collect();
  await setImmediate();
  collect();
  const held = made.slice(0, -recent).filter((refs) => refs.some((ref) => isHeld(ref, current)));
  expect(held.length).toBeLessThanOrEqual(few);
});

/** More than values are put upon a Map before it is copied as a whole (`src/model/patched-map.ts`). */
const manyTimes = 60;

it.each([
  ['of services and routes', ['Service', 'VirtualService']],
  ['of all kinds', Object.keys(changing)],
])('objects %s that change in turn do not hold each other', async (_which, kinds) => {
  const nodes = nodesOf(4);
  const views: WeakRef<object>[] = [];
  let snapshot = meshOf(30);
  for (let time = 0; time < manyTimes; time++) {
    snapshot = applyObjects(snapshot, [changed(kinds[time % kinds.length] ?? '', time)]);
    const [view] = whatComesOf(snapshot, nodes);
    if (view !== undefined) views.push(view);
    await setImmediate();
  }
  collect();
  await setImmediate();
  collect();
  const held = new Set(views.map((view) => view.deref()).filter((view) => view !== undefined));
  expect(held.size).toBeLessThanOrEqual(recent + few);
});

function changed(kind: string, time: number): Parameters<typeof applyObjects>[1][number] {
  const make = changing[kind];
  if (make === undefined) throw new Error(`no ${kind} here`);
  return make(time);
}

/** Weakly: a proxy's configuration, its layers, and their bytes. */
function whatComesOf(snapshot: Parameters<typeof translate>[0], nodes: ReturnType<typeof nodesOf>): WeakRef<object>[] {
  const translation = translate(snapshot);
  translation.unresolved();
  return nodes.flatMap((node) => {
    translation.conflicts(node);
    const seen = translation.view(node);
    const configuration = translation.configuration(node);
    if (seen === undefined || configuration === undefined) throw new Error('not a proxy');
    const layers = Object.values(withPushedHosts(configuration)).flat();
    const resources = layers.flatMap((layer) => [...layer.resources.values()]);
    return [seen, seen.outbound, configuration, ...layers, ...resources.map(cachedResourceOf)].map(
      (each) => new WeakRef(each),
    );
  });
}

const cachedResourceOf = (resource: Parameters<typeof cachedResource>[0]): object => cachedResource(resource);

function isHeld(ref: WeakRef<object>, current: ReadonlySet<object | undefined>): boolean {
  const object = ref.deref();
  return object !== undefined && !current.has(object);
}
