// A proxy whose environment has the names of its workload: metrics and spans say what the variables say, whatever is in
// them, although its configuration says nothing of the workload.
import type { Lab, Port } from '../../support/mesh/lab.ts';
import type { Series } from '../../support/servers/prometheus.ts';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';

import { selfVariables } from '../../../src/model/proxy/self-labels.ts';
import { http, startLab } from '../../support/mesh/lab.ts';
import { sendLine } from '../../support/mesh/traffic.ts';
import { meteredMesh } from '../../support/objects/mesh-config.ts';
import { seriesOf } from '../../support/servers/prometheus.ts';

const tcp: Port = { number: 18090, name: 'tcp', app: 'tcp' };
const requests = 5;

/** Unlike what labels and metadata of the Pod say, so that it is seen where a name is from. */
const told = {
  source_workload: 'caller.of.the-environment',
  source_workload_namespace: 'other_lab',
  source_canonical_service: '100%PROTOCOL%',
  source_canonical_revision: 'v1.2_3-4',
  source_app: 'app (of) $(APP), ü',
  source_version: '2.0.0',
  source_cluster: 'east/1',
};

const variables: Readonly<Record<string, string>> = {
  [selfVariables.workload]: told.source_workload,
  [selfVariables.namespace]: told.source_workload_namespace,
  [selfVariables.canonicalName]: told.source_canonical_service,
  [selfVariables.canonicalRevision]: told.source_canonical_revision,
  [selfVariables.app]: told.source_app,
  [selfVariables.version]: told.source_version,
  [selfVariables.cluster]: told.source_cluster,
};

let lab: Lab;
let series: readonly Series[];

const seriesOnce = async (metric: string): Promise<readonly Series[]> => {
  const envoy = lab.mesh.envoys.get('caller');
  const found = async (): Promise<readonly Series[]> =>
    seriesOf((await envoy?.admin('/stats/prometheus')) ?? '').filter(({ name }) => name === metric);
  await envoy?.eventually(metric, async () => (await found()).length > 0);
  return found();
};

beforeAll(async () => {
  lab = await startLab({
    workloads: [{ name: 'store-v1', sidecar: true }],
    ports: [http, tcp],
    files: { 'mesh.yaml': stringify(meteredMesh) },
    variables: (proxy) => (proxy.startsWith('caller.') ? variables : undefined),
  });
  for (let i = 0; i < requests; i++) await lab.call('store', { headers: { host: 'store.lab' } });
  await sendLine(lab.egress(tcp), 'one line of text\n');
  series = [
    ...(await seriesOnce('istio_requests_total')),
    ...(await seriesOnce('istio_request_bytes_count')),
    ...(await seriesOnce('istio_tcp_sent_bytes_total')),
  ];
});
afterAll(() => lab?.stop());

describe.each(['istio_requests_total', 'istio_request_bytes_count', 'istio_tcp_sent_bytes_total'])('%s', (metric) => {
  test('names the workload as its environment does', () => {
    const own = series.filter(({ name }) => name === metric);
    expect(own).toHaveLength(1);
    expect(own[0]?.labels).toMatchObject({
      ...told,
      reporter: 'source',
      source_principal: 'spiffe://cluster.local/ns/lab/sa/caller',
      destination_workload: 'store-v1',
      destination_service: 'store.lab.svc.cluster.local',
    });
  });
});

test('no listener that it sends by says a name of the workload', async () => {
  const dump = (await lab.mesh.envoys.get('caller')?.admin('/config_dump?resource=dynamic_listeners')) ?? '';
  expect(dump).toContain(`%ENVIRONMENT(${selfVariables.app})%`);
  expect(JSON.stringify(JSON.parse(dump))).not.toMatch(/"name":"source_\w+","value_format":"[^%]/);
  expect(lab.mesh.envoys.get('caller')?.nacks()).toEqual([]);
});
