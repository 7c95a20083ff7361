// XBackendTrafficPolicies: limits of what is tried again, and sessions, of a Service for all its clients.
import { describe, expect, it } from 'vitest';

import type { Condition } from '../../../src/model/status.ts';
import type { Asking, Message } from '../../support/objects/translated.ts';
import { translated, translation } from '../../support/objects/translated.ts';

const strict: Asking = { features: { strictGateways: true } };
const cluster = 'outbound|80||beds.garden.svc.cluster.local';

const policy = (name: string, spec: string, created = '2026-01-01', target = 'beds'): string => `---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackendTrafficPolicy
metadata: {name: ${name}, namespace: garden, creationTimestamp: '${created}T00:00:00Z'}
spec: {targetRefs: [{group: '', kind: Service, name: ${target}}], ${spec}}
`;
const garden = `---
apiVersion: v1
kind: Service
metadata: {name: beds, namespace: garden}
spec: {clusterIP: 10.1.0.1, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: garden}
spec: {clusterIP: 10.1.0.2, ports: [{name: http, port: 80}]}
`;
const tls = `---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: beds, namespace: garden}
spec: {targetRefs: [{group: '', kind: Service, name: beds}], validation: {hostname: beds.test, wellKnownCACertificates: System}}
`;

const clusterOf = (yaml: string, asking: Asking = strict, name = cluster): Message =>
  translated(garden + yaml, 'cluster', asking).get(name);
const budgetOf = (yaml: string, asking: Asking = strict): Message =>
  clusterOf(yaml, asking).circuit_breakers.thresholds[0].retry_budget;
const told = (yaml: string, name: string): readonly string[] =>
  translation(garden + yaml, strict)
    .statuses()
    .filter((one) => one.kind === 'XBackendTrafficPolicy' && one.name === name)
    .flatMap(({ status }) => status['ancestors'] as readonly { conditions: readonly Condition[] }[])
    .flatMap(({ conditions }) => conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`));

describe('a limit of what is tried again', () => {
  it('has the defaults of the specification', () => {
    expect(budgetOf(policy('few', 'retryConstraint: {}'))).toEqual({
      budget_percent: { value: 20 },
      budget_interval: '10s',
      min_retry_concurrency: 10,
    });
  });

  it('is what the policy says, beside what another one says of TLS', () => {
    const yaml = policy('few', 'retryConstraint: {budget: {percent: 5, interval: 1m}, minRetryRate: {count: 3}}') + tls;
    expect(budgetOf(yaml)).toMatchObject({ budget_percent: { value: 5 }, budget_interval: '60s', min_retry_concurrency: 3 }); // prettier-ignore
    expect(clusterOf(yaml).transport_socket).toBeDefined();
    expect(clusterOf(yaml, strict, cluster.replace('beds', 'web'))).not.toHaveProperty('circuit_breakers.thresholds.0.retry_budget'); // prettier-ignore
  });

  it('is that of the oldest policy', () => {
    const yaml =
      policy('late', 'retryConstraint: {budget: {percent: 1}}', '2026-02-01') + policy('few', 'retryConstraint: {}');
    expect(budgetOf(yaml).budget_percent).toEqual({ value: 20 });
    expect(told(yaml, 'few')).toEqual(['Accepted True Accepted']);
    expect(told(yaml, 'late')).toEqual(['Accepted False Conflicted']);
  });

  it('is not there for a Service that is not, nor unless it is asked for', () => {
    expect(told(policy('few', 'retryConstraint: {}', '2026-01-01', 'nobody'), 'few')).toEqual(['Accepted False TargetNotFound']); // prettier-ignore
    const yaml = policy('few', 'retryConstraint: {}');
    expect(budgetOf(yaml, {})).toBeUndefined();
    expect(translation(garden + yaml).problems.map(({ code, source }) => `${code} ${source?.kind}`)).toContain('no-effect XBackendTrafficPolicy'); // prettier-ignore
  });
});

it('has clients stay with their endpoint, whichever route leads to the Service', () => {
  const yaml = policy('stay', 'sessionPersistence: {sessionName: bed, absoluteTimeout: 1h}');
  expect(clusterOf(yaml).common_lb_config.override_host_status).toBeDefined();
  const hosts: readonly Message[] = translated(garden + yaml, 'route', strict).get('80').virtual_hosts;
  const bound = hosts.find(({ name }) => name === 'beds.garden.svc.cluster.local:80');
  expect(JSON.stringify(bound.typed_per_filter_config)).toContain('"name":"bed"');
  const free = hosts.find(({ name }) => name === 'web.garden.svc.cluster.local:80');
  expect(free.typed_per_filter_config).toBeUndefined();
});
