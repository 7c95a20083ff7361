// Virtual hosts of route configurations in a mesh of three services: `oven` and `shop` here, `mill` in another
// namespace, all on port 80.
import type { Resource } from '../../../src/model/envoy/resource.ts';
import type { EgressListener, OutboundView } from '../../../src/model/view.ts';
import type { MessageOf } from '../../../src/xds/generated/messages.ts';
import { routeConfiguration } from '../../../src/translate/envoy/virtual-host/route-configuration.ts';
import { makeOutboundView, makePort, makeService, makeServiceView, makeSettings } from './make.ts';

type VirtualHost = MessageOf['envoy.config.route.v3.VirtualHost'];

export const settings = makeSettings();
export const oven = makeServiceView(makeService());
export const shop = makeServiceView(
  makeService({ name: 'shop', ports: [makePort(80), makePort(9000)], addresses: ['10.1.0.2'] }),
);
export const mill = makeServiceView(makeService({ name: 'mill', namespace: 'farm', addresses: ['10.1.0.3'] }));
export const to = (host: string, name = '') => ({ ...(name !== '' && { name }), route: [{ destination: { host } }] });

export const view = (listener: EgressListener, overrides: Partial<OutboundView> = {}) =>
  makeOutboundView([listener], overrides);
export const parts = (resource: Resource | undefined): readonly Resource[] => resource?.parts?.resources ?? [];
export const hosts = (outbound: OutboundView, routeName = '80', mesh = settings): readonly VirtualHost[] =>
  parts(routeConfiguration(mesh, outbound, routeName)).map((part) => part.message as VirtualHost);
export const names = (...args: Parameters<typeof hosts>) => hosts(...args).map((host) => host.name);
export const host = (name: string, ...args: Parameters<typeof hosts>) =>
  hosts(...args).find((one) => one.name === name);
export const domains = (name: string, ...args: Parameters<typeof hosts>) => host(name, ...args)?.domains;
export const routeNames = (name: string, ...args: Parameters<typeof hosts>) =>
  host(name, ...args)?.routes?.map((route) => route.name);
