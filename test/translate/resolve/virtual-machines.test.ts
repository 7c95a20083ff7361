// Workloads outside Kubernetes: their proxies, and what others see of them.
import { describe, expect, it } from 'vitest';

import { assigned, translated } from '../../support/objects/translated.ts';

const entry = (name: string, address: string, annotations = '{}', status = '{}', labels = '{}'): string => `---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: ${name}, namespace: garden, annotations: ${annotations}, labels: ${labels}}
spec: {address: ${address}, labels: {app: press}, serviceAccount: press}
status: ${status}
`;

const service = `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: press, namespace: garden}
spec: {hosts: [press.example], location: MESH_INTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], workloadSelector: {labels: {app: press}}}
`;

const checked = "{proxy.istio.io/health-checks-enabled: 'true'}";
const healthy = (state: string): string => `{conditions: [{type: Healthy, status: '${state}'}]}`;
const assignment = (yaml: string) => translated(service + yaml, 'endpoint').get('outbound|80||press.example');

describe('a WorkloadEntry is an endpoint', () => {
  it.each([
    ['whose health nobody checks', entry('a', '10.7.0.1'), ['10.7.0.1:80 1 mtls']],
    ['that was found healthy', entry('a', '10.7.0.1', checked, healthy('True')), ['10.7.0.1:80 1 mtls']],
  ])('%s', (_which, yaml, expected) => {
    expect(assigned(assignment(yaml))).toEqual([expected]);
  });

  it.each([
    ['that was found unhealthy', healthy('False')],
    ['that is still to be checked', '{}'],
  ])('but not one %s', (_which, status) => {
    expect(assigned(assignment(entry('a', '10.7.0.1', checked, status)))).toEqual([]);
  });

  it('named by the group that it was registered for', () => {
    const [{ lb_endpoints: endpoints }] = assignment(
      entry('press-10.7.0.1', '10.7.0.1', '{istio.io/autoRegistrationGroup: press}'),
    ).endpoints;
    expect(endpoints[0].metadata.filter_metadata.istio.workload).toBe('press;garden;press;;Kubernetes');
  });
});

describe('the proxy of a virtual machine', () => {
  const tags = (yaml: string): readonly string[] => {
    const listener = translated(service + yaml, 'listener', { address: '10.7.0.1' }).get('0.0.0.0_80');
    return listener.filter_chains[0].filters[0].typed_config.tracing.custom_tags.flatMap(
      ({ tag, literal }: { tag: string; literal?: { value: string } }) =>
        tag.startsWith('istio.canonical') ? `${tag}=${literal?.value}` : [],
    );
  };

  it('is called in spans what the labels of its WorkloadEntry say', () => {
    const labels = '{service.istio.io/canonical-name: press, service.istio.io/canonical-revision: v7}';
    expect(tags(entry('a', '10.7.0.1', '{}', '{}', labels))).toEqual([
      'istio.canonical_revision=v7',
      'istio.canonical_service=press',
    ]);
  });

  it('has no name there when they say nothing', () => {
    expect(tags(entry('a', '10.7.0.1'))).toEqual([
      'istio.canonical_revision=latest',
      'istio.canonical_service=unknown',
    ]);
  });
});
