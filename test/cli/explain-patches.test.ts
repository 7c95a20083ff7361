// How many places each patch of an EnvoyFilter matches: in `keelson explain object`, and in the object's conditions, where several
// replicas have proxies.
import { expect, it } from 'vitest';

import { explainObject } from '../../src/cli/explain/effect.ts';
import { filesReader } from '../../src/cli/mesh/mesh-reader.ts';
import { DeliveryReporter, joinedReports } from '../../src/conditions/delivery-report.ts';
import { objectConditions } from '../../src/conditions/object-conditions.ts';
import { patchCounts } from '../../src/model/envoy/patch-places.ts';
import { nodeOf, translation } from '../support/objects/translated.ts';
import { snapshotOf } from '../support/objects/snapshot.ts';

const pod = (name: string): string => `
---
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: garden, labels: {app: web, security.istio.io/tlsMode: istio}}
spec: {containers: [{name: app}]}
status: {podIP: 10.2.0.1}
`;
const mesh = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: garden}
spec: {clusterIP: 10.1.0.1, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: patches, namespace: garden}
spec:
  configPatches:
    - {applyTo: CLUSTER, match: {cluster: {service: web.garden.svc.cluster.local}}, patch: {operation: MERGE, value: {connect_timeout: 1s}}}
    - {applyTo: CLUSTER, match: {cluster: {name: gone}}, patch: {operation: REMOVE}}
${pod('web-1')}${pod('web-2')}`;

it('is what explain says of an EnvoyFilter', async () => {
  const said: string[] = [];
  const io = { stdout: (text: string) => void said.push(text), stderr: () => {} };
  const proxies = ['web-1.garden', 'web-2.garden'];
  await explainObject(filesReader(snapshotOf(mesh)), ['EnvoyFilter', 'garden/patches'], proxies, false, io);
  // The cluster of what goes out, and that of what comes in.
  expect(said).toContain('spec.configPatches[0] matches 4 places on 2 proxies\n');
  expect(said).toContain('spec.configPatches[1] matches 0 places on 2 proxies\n');
});

it('is in the condition Programmed, over all replicas', async () => {
  const places = translation(mesh).patchPlaces(nodeOf({ metadata: { LABELS: { app: 'web' } } }));
  const key = 'EnvoyFilter garden/patches';
  const reporter = new DeliveryReporter({ isReported: () => true, breathe: () => Promise.resolve() });
  const report = await reporter.report({ proxies: [], refusals: [] }, new Map([[key, 1]]), patchCounts([places]));
  const heard = { revision: '', report: new Map(JSON.parse(JSON.stringify([...report])) as typeof report) };
  const delivery = joinedReports(report, [heard], () => true).get(key);
  expect(delivery?.patches?.map(({ proxies, places: count }) => [proxies, count])).toEqual([[2, 4], [2, 0]]); // prettier-ignore
  const having = { ...delivery!, proxies: 2, programmed: 2 };
  const conditions = objectConditions({ kind: 'EnvoyFilter', generation: 1, problems: [], delivery: having });
  expect(conditions.find(({ type }) => type === 'Programmed')?.message).toBe(
    '2/2 proxies; spec.configPatches[0] matches 4 places on 2 proxies; spec.configPatches[1] matches 0 places on 2 proxies',
  );
});
