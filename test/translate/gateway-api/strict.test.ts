// What gateways do for Gateway API only where KEELSON_STRICT_GATEWAYS asks for it: sessions of routes, and the certificate that a
// Gateway shows to its backends.
import { describe, expect, it } from 'vitest';

import type { Asking, Message } from '../../support/objects/translated.ts';
import { nodeOf, translated, translation } from '../../support/objects/translated.ts';
import { createRoot, openAuthority } from '../../../src/ca/authority.ts';
import { workloadTemplate } from '../../../src/ca/certificate/template.ts';

const quay: Asking = { type: 'router', name: 'quay-1', namespace: 'harbor', address: '10.2.0.9' };
const strict: Asking = { ...quay, features: { strictGateways: true } };

const harbor = (tls = ''): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: quay, namespace: harbor}
spec: {gatewayClassName: istio, listeners: [{name: web, port: 80, protocol: HTTP}]${tls}}
---
apiVersion: v1
kind: Service
metadata: {name: quay-istio, namespace: harbor}
spec: {clusterIP: 10.1.0.1, selector: {app: quay}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: quay-1, namespace: harbor, labels: {app: quay}}
spec: {containers: [{name: istio-proxy, image: example/envoy}]}
status: {podIP: 10.2.0.9}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: quay-1, namespace: harbor, labels: {kubernetes.io/service-name: quay-istio}}
addressType: IPv4
endpoints: [{addresses: [10.2.0.9], targetRef: {kind: Pod, name: quay-1}}]
ports: [{name: http, port: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: hold, namespace: harbor}
spec: {clusterIP: 10.1.0.2, ports: [{name: https, port: 443}]}
---
apiVersion: v1
kind: Service
metadata: {name: other, namespace: harbor}
spec: {clusterIP: 10.1.0.3, ports: [{name: https, port: 443}]}
`;

const route = (kind: string, session: string): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: ${kind}
metadata: {name: cargo, namespace: harbor}
spec:
  parentRefs: [{name: quay}]
  rules:
  - {matches: [{headers: [{name: x-bound, value: "yes"}]}], sessionPersistence: ${session}, backendRefs: [{name: hold, port: 443}]}
  - {backendRefs: [{name: other, port: 443}]}
`;

const sessions = (kind: string, session: string, asking: Asking): readonly Message[] =>
  translated(harbor() + route(kind, session), 'route', asking)
    .get('http.80')
    .virtual_hosts[0].routes.map(
      (one: Message) =>
        one.typed_per_filter_config?.['envoy.filters.http.stateful_session'].stateful_session.session_state
          .typed_config,
    );

describe('sessionPersistence', () => {
  it('binds clients by a cookie that has a name of its own', () => {
    expect(sessions('HTTPRoute', '{}', strict)).toEqual([
      expect.objectContaining({ cookie: { name: 'session.harbor.cargo.0', path: '/' } }),
      undefined,
    ]);
  });

  it('gives up a cookie after its time', () => {
    const asked = '{sessionName: berth, absoluteTimeout: 1h30m, cookieConfig: {lifetimeType: Permanent}}';
    expect(sessions('GRPCRoute', asked, strict)[0]).toMatchObject({
      cookie: { name: 'berth', path: '/', ttl: '5400s' },
    });
  });

  it('binds clients by a header', () => {
    expect(sessions('HTTPRoute', '{type: Header, sessionName: X-Berth}', strict)[0]).toMatchObject({ name: 'X-Berth' });
  });

  it('has no effect by default, and says so', () => {
    expect(sessions('HTTPRoute', '{}', quay)).toEqual([undefined, undefined]);
    expect(problemsOf(harbor() + route('HTTPRoute', '{}'), quay)).toEqual([
      'unsupported-field spec.rules[0].sessionPersistence',
    ]);
    expect(problemsOf(harbor() + route('HTTPRoute', '{}'), strict)).toEqual([]);
  });
});

const day = 24 * 3600 * 1000;
const now = Date.now();
const authority = await openAuthority(await createRoot('cluster.local', now, day));
const identity = { trustDomain: 'cluster.local', namespace: 'harbor', serviceAccount: 'quay' };
const names = { workload: 'quay', app: 'quay', version: '', namespace: 'harbor' };
const issued = await authority.issue(workloadTemplate(identity, names, now, day));
const base64 = (text: string): string => Buffer.from(text).toString('base64');

const secret = `---
apiVersion: v1
kind: Secret
metadata: {name: pass, namespace: harbor}
type: kubernetes.io/tls
data: {tls.crt: ${base64(issued.certificate)}, tls.key: ${base64(issued.privateKey)}}
`;
const policy = `---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: hold, namespace: harbor}
spec:
  targetRefs: [{group: '', kind: Service, name: hold}]
  validation: {hostname: hold.example, wellKnownCACertificates: System}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: other, namespace: harbor}
spec: {host: other, trafficPolicy: {tls: {mode: SIMPLE, sni: other.example}}}
`;
const withCertificate = (name = 'pass'): string =>
  harbor(`, tls: {backend: {clientCertificateRef: {name: ${name}}}}`) + secret + policy;

const shown = (yaml: string, asking: Asking): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    ['hold', 'other'].map((name) => {
      const cluster = translated(yaml, 'cluster', asking).get(`outbound|443||${name}.harbor.svc.cluster.local`);
      const { common_tls_context: context } = cluster.transport_socket.typed_config;
      return [name, context.tls_certificate_sds_secret_configs?.[0].name];
    }),
  );

const problemsOf = (yaml: string, asking: Asking): readonly string[] =>
  translation(yaml, asking)
    .problems.filter(({ code }) => code === 'unsupported-field')
    .map(({ code, source }) => `${code} ${source?.path}`);

const granted = (yaml: string, asking: Asking, credential: string): boolean =>
  translation(yaml, asking).isCredentialGranted(nodeOf(asking), credential);

describe('the certificate for backends', () => {
  const name = 'kubernetes-gateway://harbor/pass';

  it('is shown to those that a BackendTLSPolicy is for', () => {
    expect(shown(withCertificate(), strict)).toEqual({ hold: name, other: undefined });
  });

  it('may be had by the proxies of the Gateway', () => {
    expect(granted(withCertificate(), strict, name)).toBe(true);
    expect(granted(withCertificate(), quay, name)).toBe(false);
    expect(granted(withCertificate(), { ...strict, namespace: 'field', name: 'x-1' }, name)).toBe(false);
  });

  it('is not shown when it cannot be used', () => {
    expect(shown(withCertificate('lost'), strict)['hold']).toBeUndefined();
  });

  it('has no effect by default, and says so', () => {
    expect(shown(withCertificate(), quay)['hold']).toBeUndefined();
    expect(problemsOf(withCertificate(), quay)).toEqual(['unsupported-field spec.tls.backend.clientCertificateRef']);
  });
});

describe('the addresses of a Gateway', () => {
  const asking = (addresses: string, given: string): string =>
    harbor(`, addresses: [${addresses}]`).replace('spec: {clusterIP: 10.1.0.1,', `status: ${given}\nspec: {type: LoadBalancer, clusterIP: 10.1.0.1,`); // prettier-ignore
  const ip = (value: string): string => `{type: IPAddress, value: ${value}}`;
  const gave = (value: string): string => `{loadBalancer: {ingress: [{ip: ${value}}]}}`;
  const told = (yaml: string, features: Asking): string =>
    translation(yaml, features)
      .statuses()
      .filter(({ kind }) => kind === 'Gateway')
      .flatMap(({ status }) => status['conditions'] as readonly { type: string; status: string; reason: string }[])
      .filter(({ type }) => type !== 'ResolvedRefs')
      .map(({ type, status, reason }) => `${type} ${status} ${reason}`)
      .join(', ');

  it.each([
    ['is given', ip('203.0.113.1'), gave('203.0.113.1'), 'Accepted True Accepted, Programmed True Programmed'],
    ['is not given yet', ip('203.0.113.1'), '{}', 'Accepted True Accepted, Programmed False AddressNotAssigned'],
    ['is another one', ip('203.0.113.1'), gave('203.0.113.9'), 'Accepted True Accepted, Programmed False AddressNotUsable'], // prettier-ignore
    ['is one of two', `${ip('203.0.113.1')}, ${ip('203.0.113.2')}`, gave('203.0.113.1'), 'Accepted True Accepted, Programmed False AddressNotUsable'], // prettier-ignore
    ['is of an unknown type', `${ip('203.0.113.1')}, {type: a.b/c, value: x}`, '{}', 'Accepted False UnsupportedAddress, Programmed False UnsupportedAddress'], // prettier-ignore
  ])('are told when one %s', (_what, addresses, given, expected) => {
    expect(told(asking(addresses, given), strict)).toBe(expected);
  });

  it('are shown as soon as they are given, before proxies are there', () => {
    const yaml = asking(ip('203.0.113.1'), gave('203.0.113.1')).replace('addresses: [10.2.0.9]', 'addresses: [10.2.0.9], conditions: {ready: false, terminating: true}'); // prettier-ignore
    const status = translation(yaml, strict).statuses().find(({ kind }) => kind === 'Gateway'); // prettier-ignore
    expect(told(yaml, strict)).toContain('Programmed False AddressNotAssigned');
    expect(status?.status['addresses']).toEqual([{ type: 'IPAddress', value: '203.0.113.1' }]);
  });

  it('are not looked at as from Istio', () => {
    expect(told(asking(ip('203.0.113.1'), gave('203.0.113.9')), quay)).toBe('Accepted True Accepted, Programmed True Programmed'); // prettier-ignore
    expect(told(asking(`${ip('203.0.113.1')}, ${ip('203.0.113.2')}`, gave('203.0.113.1')), quay)).toContain('Accepted False UnsupportedAddress'); // prettier-ignore
  });
});

describe('an ExternalAuth filter', () => {
  const asking = (parent: string): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cargo, namespace: harbor}
spec:
  parentRefs: [${parent}]
  rules: [{filters: [{type: ExternalAuth, externalAuth: {protocol: GRPC, backendRef: {name: hold, port: 443}}}], backendRefs: [{name: other, port: 443}]}]
`;
  const reasons = (yaml: string, features: Asking): readonly string[] =>
    translation(yaml, features)
      .statuses()
      .filter(({ kind }) => kind === 'HTTPRoute')
      .flatMap(({ status }) => status['parents'] as readonly { conditions: readonly { reason: string }[] }[])
      .map(({ conditions }) => conditions.map(({ reason }) => reason).join(' '));

  it('is asked by the gateway where a route says so', () => {
    const yaml = harbor() + asking('{name: quay}');
    const [listener] = [...translated(yaml, 'listener', strict).values()];
    const filters: readonly Message[] = listener.filter_chains[0].filters[0].typed_config.http_filters;
    expect(filters.find(({ name }) => name === 'keelson.ext_authz.harbor.cargo.0')).toMatchObject({ disabled: true });
    const [routes] = [...translated(yaml, 'route', strict).values()];
    expect(routes.virtual_hosts[0].routes[0].typed_per_filter_config).toHaveProperty([
      'keelson.ext_authz.harbor.cargo.0',
    ]);
    expect(reasons(yaml, strict)).toEqual(['Accepted ResolvedRefs']);
  });

  it.each([
    ['check', '/check'],
    ['/check/', '/check'],
    ['/', undefined],
  ])('has paths that begin with %s', (path, expected) => {
    const yaml = harbor() + asking('{name: quay}').replace('protocol: GRPC,', `protocol: HTTP, http: {path: ${path}, allowedHeaders: ['']},`); // prettier-ignore
    const [listener] = [...translated(yaml, 'listener', strict).values()];
    const filters: readonly Message[] = listener.filter_chains[0].filters[0].typed_config.http_filters;
    const config = filters.find(({ name }) => name === 'keelson.ext_authz.harbor.cargo.0')?.typed_config;
    expect([config.http_service.path_prefix, config.allowed_headers]).toEqual([expected, undefined]);
  });

  it.each([
    ['as from Istio', '{name: quay}', quay],
    ['in the mesh', "{kind: Service, group: '', name: other}", strict],
  ])('takes its route out of service %s', (_what, parent, features) => {
    expect(reasons(harbor() + asking(parent), features)).toEqual(['Accepted InvalidFilter']);
  });
});
