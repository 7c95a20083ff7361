import { describe, expect, it } from 'vitest';

import type { Protocol } from '../../../src/model/mesh/mesh.ts';
import type { InboundPort } from '../../../src/model/view.ts';
import type { WorkloadPolicies } from '../../../src/model/mesh/workload-policies.ts';
import { noPolicies } from '../../../src/model/mesh/workload-policies.ts';
import { policyProblems } from '../../../src/translate/envoy/rbac/policy-problems.ts';
import { translate } from '../../../src/translate/translate.ts';
import { objects, policy } from '../../support/objects/authorization.ts';
import { makeInboundView, makePort, makeSource } from '../../support/objects/make.ts';
import { snapshotOf } from '../../support/objects/snapshot.ts';
import type { Asking } from '../../support/objects/translated.ts';
import { nodeOf, translation } from '../../support/objects/translated.ts';

const port = (number: number, protocol: Protocol, mtls: InboundPort['mtls'] = 'STRICT'): InboundPort => ({
  source: makeSource('Service', 'garden', 'rose'),
  targetPort: number,
  servicePort: makePort(number, protocol),
  service: undefined,
  mtls,
  policy: undefined,
  connectionPool: undefined,
});

function problems(spec: string, ports: readonly InboundPort[], more: Partial<WorkloadPolicies> = {}) {
  const authorization = [...objects(policy('p', spec)).values()];
  return policyProblems(makeInboundView({ ports, policies: { ...noPolicies, authorization, ...more } }));
}

const codes = (...args: Parameters<typeof problems>): readonly string[] => problems(...args).map(({ code }) => code);

describe('identities where plaintext is taken', () => {
  const rule = '{rules: [{from: [{source: {principals: [a/ns/b/sa/c]}}]}]}';

  it('are told of with the ports', () => {
    const [problem] = problems(rule, [port(80, 'HTTP', 'PERMISSIVE'), port(81, 'HTTP'), port(82, 'HTTP', 'DISABLE')]);
    expect(problem).toMatchObject({
      code: 'identity-in-plaintext',
      severity: 'warning',
      source: { kind: 'AuthorizationPolicy', name: 'p', path: 'spec.rules[0]' },
      message: expect.stringMatching(/^ports 80, 82 take also plaintext.*never matches/) as unknown,
    });
  });

  it('are no matter under STRICT, or on other ports than the rule is about', () => {
    expect(codes(rule, [port(80, 'HTTP')])).toEqual([]);
    const about = "{rules: [{from: [{source: {namespaces: [b]}}], to: [{operation: {ports: ['81']}}]}]}";
    expect(codes(about, [port(80, 'HTTP', 'PERMISSIVE'), port(81, 'HTTP')])).toEqual([]);
    const except =
      "{rules: [{from: [{source: {serviceAccounts: [b]}}], when: [{key: destination.port, notValues: ['80']}]}]}";
    expect(codes(except, [port(80, 'HTTP', 'PERMISSIVE')])).toEqual([]);
  });

  it('of a DENY rule leave out who comes in plaintext', () => {
    const [problem] = problems(`{action: DENY, ${rule.slice(1)}`, [port(80, 'HTTP', 'PERMISSIVE')]);
    expect(problem?.message).toContain('does not deny it');
  });
});

describe('fields of HTTP on TCP ports', () => {
  const rule = '{to: [{operation: {methods: [GET]}}]}';

  it('are told of by what they do there', () => {
    const allow = problems(`{rules: [${rule}]}`, [port(9000, 'TCP')]);
    const deny = problems(`{action: DENY, rules: [${rule}]}`, [port(9000, 'Mongo')]);
    expect(allow[0]?.message).toContain('allows nothing');
    expect(deny[0]?.message).toContain('matches more');
  });

  it('are no matter on HTTP ports and where the protocol is detected', () => {
    expect(codes(`{rules: [${rule}]}`, [port(80, 'GRPC'), port(81, 'Auto')])).toEqual([]);
  });
});

describe('authorizers and keys', () => {
  const custom = '{action: CUSTOM, provider: {name: gate}, rules: [{}]}';
  const usable = {
    name: 'gate',
    source: makeSource('ConfigMap', 'x', 'istio'),
    host: 'h',
    port: 1,
    protocol: 'grpc',
    settings: {},
  } as const;

  it('that nobody can ask are told of', () => {
    expect(codes(custom, [], { authorizers: [{ name: 'gate', fault: 'gone' }] })).toEqual(['unusable-provider']);
    expect(codes(custom, [], { authorizers: [usable] })).toEqual([]);
  });

  it('that are too many are told of', () => {
    expect(codes(custom, [], { authorizers: [usable, { ...usable, name: 'door' }] })).toEqual(['several-providers']);
  });

  it('that nothing leads to are told of', () => {
    const source = makeSource('RequestAuthentication', 'garden', 'r');
    const token = (issuer: string) => ({ source, rule: { issuer }, keys: { kind: 'none' } }) as const;
    expect(codes('{}', [], { tokens: [token('wren'), token('https://wren.example')] })).toEqual(['keys-unavailable']);
  });
});

describe('one proxy', () => {
  it('has the problems of its own policies among its conflicts', () => {
    const snapshot = snapshotOf(`---
apiVersion: v1
kind: Service
metadata: {name: rose, namespace: garden}
spec: {selector: {app: rose}, clusterIP: 10.0.0.1, ports: [{name: http, port: 80}]}
${policy('p', '{rules: [{from: [{source: {namespaces: [shed]}}]}]}')}`);
    const found = (app: string) => {
      const id = 'sidecar~10.1.1.1~any-1.garden~garden.svc.cluster.local';
      return translate(snapshot).conflicts({ id, cluster: '', metadata: { LABELS: { app } } });
    };
    expect(found('rose').map(({ code }) => code)).toEqual(['identity-in-plaintext']);
    expect(found('oak')).toEqual([]);
  });
});

describe('gateways and waypoints', () => {
  const conflictsOf = (yaml: string, asking: Asking) => translation(yaml, asking).conflicts(nodeOf(asking));
  const policyFor = (spec: string): string => `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p, namespace: edge}
spec: ${spec}
`;
  const rules = (spec: string): readonly (readonly [string, string])[] =>
    conflictsOf(
      `${spec}---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: edge}
spec:
  selector: {app: gate}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}
  - {port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.example], tls: {mode: SIMPLE, credentialName: a}}
  - {port: {number: 8443, name: mutual, protocol: HTTPS}, hosts: [b.example], tls: {mode: MUTUAL, credentialName: b}}
  - {port: {number: 9000, name: tcp, protocol: TCP}, hosts: ['*']}
`,
      { type: 'router', name: 'gate-1', namespace: 'edge', metadata: { LABELS: { app: 'gate' } } },
    )
      .filter(({ source }) => source?.kind === 'AuthorizationPolicy')
      .map(({ code, message }) => [code, message]);

  it('tell of identities on servers that ask for no certificate', () => {
    const [[code, message] = [], ...others] = rules(policyFor('{rules: [{from: [{source: {principals: [a/b]}}]}]}'));
    expect([code, others]).toEqual(['identity-in-plaintext', []]);
    expect(message).toMatch(/^ports 80, 443, 9000 take callers without a certificate.*never matches.*MUTUAL/);
  });

  it('tell of fields of HTTP on servers that do not end it', () => {
    const [[code, message] = [], ...others] = rules(policyFor('{rules: [{to: [{operation: {paths: [/a]}}]}]}'));
    expect([code, others]).toEqual(['http-field-on-tcp', []]);
    expect(message).toMatch(/^port 9000 takes TCP/);
    expect(rules(policyFor("{rules: [{to: [{operation: {paths: [/a], ports: ['80', '443']}}]}]}"))).toEqual([]);
  });

  it('tell of authorizers that are not there', () => {
    const custom = policyFor('{action: CUSTOM, provider: {name: nobody}, rules: [{}]}');
    expect(rules(custom).map(([code]) => code)).toEqual(['unusable-provider']);
  });

  it('tell the same of a service behind a waypoint, whose callers are all known', () => {
    const mesh = `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: way, namespace: edge}
spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
---
apiVersion: v1
kind: Service
metadata: {name: pond, namespace: edge, labels: {istio.io/use-waypoint: way}}
spec: {clusterIP: 10.1.0.1, ports: [{name: http, port: 80}, {name: tcp, port: 9000}]}
`;
    const told = (rule: string) =>
      conflictsOf(mesh + policyFor(`{targetRefs: [{kind: Service, name: pond}], rules: [${rule}]}`), {
        type: 'waypoint',
        name: 'way-1',
        namespace: 'edge',
        metadata: { LABELS: { 'gateway.networking.k8s.io/gateway-name': 'way' } },
      }).map(({ code, message }) => `${code} ${message.split(',')[0]}`);
    expect(told('{to: [{operation: {methods: [GET]}}]}')).toEqual(['http-field-on-tcp port 9000 takes TCP']);
    expect(told('{from: [{source: {principals: [a/b]}}]}')).toEqual([]);
  });
});

describe('a DestinationRule that turns mutual TLS off', () => {
  const mesh = (mode: string, tls: string, host = 'rose'): string => `---
apiVersion: v1
kind: Service
metadata: {name: rose, namespace: garden}
spec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: garden}
spec: {mtls: {mode: ${mode}}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: rose, namespace: garden}
spec: {host: ${host}, trafficPolicy: {portLevelSettings: [{port: {number: 80}, tls: {mode: ${tls}}}]}}
`;
  const found = (yaml: string) => translate(snapshotOf(yaml)).problems.filter(({ code }) => code === 'mtls-turned-off');

  it('for a host that insists on it is told of', () => {
    expect(found(mesh('STRICT', 'DISABLE'))).toMatchObject([
      { source: { kind: 'DestinationRule', name: 'rose', path: 'spec.trafficPolicy.portLevelSettings[0].tls' } },
    ]);
    expect(found(mesh('STRICT', 'SIMPLE', '"*.garden.svc.cluster.local"'))).toHaveLength(1);
  });

  it('is no matter when the host takes plaintext, or when it is not off', () => {
    expect(found(mesh('PERMISSIVE', 'DISABLE'))).toEqual([]);
    expect(found(mesh('STRICT', 'ISTIO_MUTUAL'))).toEqual([]);
    expect(found(mesh('STRICT', 'SIMPLE', 'elsewhere.example'))).toEqual([]);
  });
});
