// A change rebuilds only the listeners that it touches; everything else is the same object as before.
import { expect, test } from 'vitest';
import { memo, sharedList } from '../../../src/model/memo.ts';
import type { Resource } from '../../../src/model/envoy/resource.ts';
import type { ProxyView, ServiceView } from '../../../src/model/view.ts';
import type { VirtualService } from '../../../src/model/mesh/virtual-service.ts';
import { inboundListeners } from '../../../src/translate/envoy/listener/inbound/inbound-listener.ts';
import { outboundListeners } from '../../../src/translate/envoy/listener/outbound/outbound-listeners.ts';
import type { Listener } from '../../support/objects/make-listener.ts';
import { makeInboundPort } from '../../support/objects/make-listener.ts';
import {
  makeEgressListener,
  makeInboundView,
  makeOutboundView,
  makePort,
  makeProxy,
  makeProxyView,
  makeService,
  makeServiceView,
  makeSettings,
  makeVirtualService,
  makeVirtualServiceView,
} from '../../support/objects/make.ts';

const settings = makeSettings();
const service = (name: string, port: number, protocol: 'HTTP' | 'TCP' | 'Auto', address: string): ServiceView =>
  makeServiceView(makeService({ name, addresses: [address], ports: [makePort(port, protocol)] }));

const oven = service('oven', 80, 'HTTP', '10.1.0.1');
const bench = service('bench', 80, 'HTTP', '10.1.0.2');
const till = service('till', 5432, 'TCP', '10.1.0.3');
const radio = service('radio', 7000, 'Auto', '10.1.0.4');
const all = [oven, bench, till, radio];

function listeners(
  services: readonly ServiceView[],
  virtualServices: readonly VirtualService[] = [],
  overrides: Partial<ProxyView> = {},
): ReadonlyMap<string, Resource> {
  const routes = sharedList(virtualServices.map((one) => virtualServiceView(one, sharedList(services))));
  const view = makeOutboundView([makeEgressListener(sharedList(services), [], { virtualServices: routes })]);
  return new Map(
    outboundListeners(makeProxyView(view, { settings, ...overrides })).listeners.map((resource) => [
      resource.name,
      resource,
    ]),
  );
}

/** As the view of a proxy has it: the same for the same VirtualService and services. */
const virtualServiceView = memo(makeVirtualServiceView);

const changed = (before: ReadonlyMap<string, Resource>, after: ReadonlyMap<string, Resource>): readonly string[] =>
  [...new Set([...before.keys(), ...after.keys()])].filter((name) => before.get(name) !== after.get(name)).toSorted();

test('the same view again', () => {
  expect(changed(listeners(all), listeners(all))).toEqual([]);
});

test('a service that appears, changes or goes on another port', () => {
  const other = service('other', 6000, 'TCP', '10.1.0.9');
  expect(changed(listeners(all), listeners([...all, other]))).toEqual(['10.1.0.9_6000']);
  const labelled = makeServiceView({ ...till.service, labels: { changed: 'yes' } });
  expect(changed(listeners(all), listeners([oven, bench, labelled, radio]))).toEqual(['10.1.0.3_5432']);
  expect(changed(listeners(all), listeners([oven, bench, till]))).toEqual(['10.1.0.4_7000']);
});

test('one more HTTP service changes no listener', () => {
  expect(changed(listeners([oven, till]), listeners([oven, bench, till]))).toEqual([]);
  const relabelled = makeServiceView({ ...oven.service, labels: { changed: 'yes' } });
  expect(changed(listeners(all), listeners([relabelled, bench, till, radio]))).toEqual([]);
});

test('a VirtualService changes the listeners of its hosts', () => {
  const routes = (subset: string): VirtualService =>
    makeVirtualService({ hosts: ['till'], tcp: [{ route: [{ destination: { host: 'till', subset } }] }] });
  const v1 = routes('v1');
  expect(changed(listeners(all, [v1]), listeners(all, [v1]))).toEqual([]);
  expect(changed(listeners(all, [v1]), listeners(all, [routes('v2')]))).toEqual(['10.1.0.3_5432']);
  const http = makeVirtualService({ hosts: ['oven'], http: [{ route: [{ destination: { host: 'oven' } }] }] });
  expect(changed(listeners(all), listeners(all, [http]))).toEqual([]);
});

test('proxies share their listeners, unless they trace under different names or are an instance themselves', () => {
  const another = { proxy: makeProxy({ id: 'baker-2.bakery', ipAddresses: ['10.2.0.2'], canonicalName: 'other' }) };
  expect(changed(listeners(all), listeners(all, [], another))).toEqual([]);
  const traced = { settings: makeSettings({ enableTracing: true }) };
  expect(changed(listeners(all, [], traced), listeners(all, [], { ...traced, ...another }))).toEqual([
    '0.0.0.0_80',
    '10.1.0.4_7000',
  ]);
});

test('the order of services decides nothing but who was first', () => {
  const contents = (services: readonly ServiceView[]): unknown =>
    [...listeners(services)].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, { message }]) => message);
  expect(contents([radio, till, bench, oven])).toEqual(contents(all.with(0, bench).with(1, oven)));
});

test('a port that receives changes the listener, not the chains of other ports', () => {
  const first = makeInboundPort();
  const second = makeInboundPort({ targetPort: 9000, servicePort: makePort(9000, 'TCP') });
  const chains = (...ports: (typeof first)[]): readonly unknown[] => {
    const view = makeProxyView(makeOutboundView([]), {
      settings,
      inbound: makeInboundView({ ports: sharedList(ports) }),
    });
    return inboundListeners(view).flatMap(({ message }) => (message as Listener).filter_chains ?? []);
  };
  const before = chains(first);
  const after = chains(first, second);
  expect(before.every((chain, i) => chain === after[i])).toBe(true);
  expect(after.length).toBe(before.length + 3);
});
