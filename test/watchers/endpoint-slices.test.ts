import { describe, expect, test } from 'vitest';
import type { AnyObject, KindMap } from '../../src/model/schema/index.ts';
import { withDerivedSlices } from '../../src/watchers/endpoint-slices.ts';
import { parse } from '../../src/watchers/parse.ts';

function object(kind: string, name: string, body: object, metadata: object = {}): AnyObject {
  const apiVersion = kind === 'EndpointSlice' ? 'discovery.k8s.io/v1' : 'v1';
  const parsed = parse({ apiVersion, kind, metadata: { name, namespace: 'shop', ...metadata }, ...body }).object;
  if (parsed === undefined) throw new Error(`${kind} ${name} was refused`);
  return parsed;
}
const service = (spec: object = {}) =>
  object('Service', 'cart', {
    spec: { selector: { app: 'cart' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...spec },
  });
const pod = (name: string, ip: string | undefined, more: { spec?: object; status?: object; metadata?: object } = {}) =>
  object(
    'Pod',
    name,
    { spec: more.spec ?? {}, status: { ...(ip && { podIP: ip }), ...more.status } },
    { labels: { app: 'cart' }, ...more.metadata },
  );

const derived = (...objects: AnyObject[]) =>
  withDerivedSlices(objects).filter(({ kind }) => kind === 'EndpointSlice') as KindMap['EndpointSlice'][];

describe('derived slices', () => {
  test('of the pods that a Service selects', () => {
    const [slice, ...others] = derived(
      service(),
      pod('a', '10.0.0.1'),
      pod('b', '10.0.0.2'),
      pod('other', '10.0.0.3', { metadata: { labels: { app: 'x' } } }),
    );
    expect(others).toEqual([]);
    expect(slice).toMatchObject({
      metadata: { name: 'cart-ipv4', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'cart' } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: [
        {
          addresses: ['10.0.0.1'],
          conditions: { ready: true, serving: true, terminating: false },
          targetRef: { kind: 'Pod', name: 'a', namespace: 'shop' },
        },
        { addresses: ['10.0.0.2'] },
      ],
    });
  });

  test('not of pods that are elsewhere, finished, or without an address', () => {
    expect(
      derived(
        service(),
        pod('a', undefined),
        pod('b', '10.0.0.1', { metadata: { namespace: 'bank' } }),
        pod('c', '10.0.0.2', { status: { phase: 'Succeeded' } }),
      ),
    ).toEqual([]);
  });

  test.each([
    [
      'with a slice of its own',
      [
        service(),
        object('EndpointSlice', 'mine', { addressType: 'IPv4' }, { labels: { 'kubernetes.io/service-name': 'cart' } }),
      ],
      ['mine'],
    ],
    ['without a selector', [service({ selector: null })], []],
    ['that is another name', [service({ type: 'ExternalName', externalName: 'a.com' })], []],
  ])('not for a Service %s', (_title, objects, names) => {
    expect(derived(...objects, pod('a', '10.0.0.1')).map(({ metadata }) => metadata.name)).toEqual(names);
  });

  test('readiness', () => {
    const notReady = { status: { conditions: [{ type: 'Ready', status: 'False' }] } };
    const leaving = { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z', labels: { app: 'cart' } } };
    const conditions = (spec: object) =>
      derived(service(spec), pod('a', '10.0.0.1', notReady), pod('b', '10.0.0.2', leaving))[0]?.endpoints.map(
        ({ conditions: of }) => of,
      );
    expect(conditions({})).toEqual([
      { ready: false, serving: false, terminating: false },
      { ready: false, serving: true, terminating: true },
    ]);
    expect(conditions({ publishNotReadyAddresses: true })?.map((of) => of?.ready)).toEqual([true, true]);
  });

  test('one for each address family', () => {
    const dual = { status: { podIPs: [{ ip: '10.0.0.1' }, { ip: '2001:db8::1' }] } };
    expect(
      derived(service(), pod('a', '10.0.0.1', dual)).map(({ addressType, endpoints }) => [
        addressType,
        endpoints[0]?.addresses,
      ]),
    ).toEqual([
      ['IPv4', ['10.0.0.1']],
      ['IPv6', ['2001:db8::1']],
    ]);
  });

  test('one for each number of a named port', () => {
    const named = (containerPort: number) => ({
      spec: { containers: [{ name: 'app', ports: [{ name: 'web', containerPort }] }] },
    });
    const slices = derived(
      service({ ports: [{ name: 'http', port: 80, targetPort: 'web' }] }),
      pod('a', '10.0.0.1', named(1)),
      pod('b', '10.0.0.2', named(2)),
      pod('c', '10.0.0.3'),
    );
    expect(
      slices.map(({ metadata, ports, endpoints }) => [metadata.name, ports[0]?.port, endpoints[0]?.addresses[0]]),
    ).toEqual([
      ['cart-ipv4', 1, '10.0.0.1'],
      ['cart-ipv4-2', 2, '10.0.0.2'],
      ['cart-ipv4-3', undefined, '10.0.0.3'],
    ]);
  });

  test('with the target port of each transport, where a number and a name are for both', () => {
    const ports = [
      { name: 'dns', protocol: 'UDP', port: 53, targetPort: 'dns' },
      { name: 'dns-tcp', port: 53, targetPort: 'dns' },
    ];
    const containers = [
      { name: 'streams', image: 'x', ports: [{ name: 'dns', containerPort: 5301 }] },
      { name: 'queries', image: 'x', ports: [{ name: 'dns', containerPort: 5300, protocol: 'UDP' }] },
    ];
    const slices = derived(service({ ports }), pod('a', '10.0.0.1', { spec: { containers } }));
    expect(slices.map((slice) => slice.ports)).toEqual([
      [
        { name: 'dns', protocol: 'UDP', port: 5300 },
        { name: 'dns-tcp', protocol: 'TCP', port: 5301 },
      ],
    ]);
  });

  test('node, zone and host name', () => {
    const node = object('Node', 'n1', {}, { labels: { 'topology.kubernetes.io/zone': 'east-1' } });
    const placed = pod('a', '10.0.0.1', { spec: { nodeName: 'n1', hostname: 'a-0', subdomain: 'cart' } });
    expect(derived(service(), node, placed)[0]?.endpoints[0]).toMatchObject({
      nodeName: 'n1',
      zone: 'east-1',
      hostname: 'a-0',
    });
  });

  test('are the same objects while their inputs are', () => {
    const [cart, a, b] = [service(), pod('a', '10.0.0.1'), pod('b', '10.0.0.2')];
    const before = derived(cart, a, b);
    expect(derived(cart, a, b, pod('else', '10.0.0.9', { metadata: { labels: { app: 'x' } } }))[0]).toBe(before[0]);
    expect(derived(cart, a)[0]).not.toBe(before[0]);
  });
});
