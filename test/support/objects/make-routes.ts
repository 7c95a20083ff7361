// Routes of one VirtualService in a mesh of two services: `oven`, on port 80, and `shop`, on port 9000.
import type { HTTPRoute, TrafficPolicy } from '../../../src/model/schema/index.ts';
import type { Caller } from '../../../src/translate/envoy/route/route.ts';
import { sharedList } from '../../../src/model/memo.ts';
import { virtualServiceRoutes } from '../../../src/translate/envoy/route/route.ts';
import { routedVirtualService } from '../../../src/translate/envoy/route/route-target.ts';
import {
  makePolicy,
  makePort,
  makeService,
  makeServiceView,
  makeSettings,
  makeVirtualService,
  makeVirtualServiceView,
  plain,
} from './make.ts';

const settings = makeSettings();
const oven = makeServiceView();
export const shop = makeServiceView(makeService({ name: 'shop', ports: [makePort(9000)] }));
export const toOven = { route: [{ destination: { host: 'oven' } }] };
export const toBoth = { route: [{ destination: { host: 'oven' }, weight: 1 }, { destination: { host: 'shop' }, weight: 3 }] }; // prettier-ignore
export const sidecar: Caller = { namespace: 'bakery', labels: { app: 'till' }, gateways: ['mesh'] };

export function routesOf(
  http: readonly HTTPRoute[],
  { caller = sidecar, port = 80, mesh = settings, services = [oven, shop] } = {},
) {
  const vs = makeVirtualService({ hosts: ['oven'], http });
  const routed = routedVirtualService(makeVirtualServiceView(vs, sharedList(services)));
  return virtualServiceRoutes(mesh, routed, caller, port);
}

const only = (...args: Parameters<typeof routesOf>) =>
  plain(routesOf(...args)[0]) as ReturnType<typeof routesOf>[number];
export const routeOf = (route: HTTPRoute, options?: Parameters<typeof routesOf>[1]) => only([route], options);
export const withPolicy = (trafficPolicy: TrafficPolicy) =>
  makeServiceView(oven.service, { policy: makePolicy('oven.bakery.svc.cluster.local', trafficPolicy) });
