// Hosts, subsets, ports and gateways that objects of routing name and that are not there.
// https://istio.io/latest/docs/reference/config/networking/
import type { Gateway } from '../../../model/mesh/gateway.ts';
import { memo } from '../../../model/memo.ts';
import { objectKey } from '../../../model/object.ts';
import type { Destination, HTTPRoute, KindMap, RouteDestination } from '../../../model/schema/index.ts';
import { isWildcard } from '../routing/host.ts';
import { gatewayNames, meshGateway } from '../routing/virtual-service.ts';
import type { Fault, KnownHosts } from './known-hosts.ts';
import { destinationFaults, hostFaults } from './known-hosts.ts';
import { paths } from './paths.ts';
import { clientKeyFaults } from './secrets.ts';

/** `namespace/name` of every Gateway, by its name. */
export type KnownGateways = ReadonlyMap<string, readonly string[]>;

export const knownGateways = memo(
  (gateways: readonly Gateway[]): KnownGateways =>
    new Map(
      [...Map.groupBy(gateways, ({ name }) => name)].map(([name, all]) => [
        name,
        all.map(({ namespace }) => objectKey(namespace, name)),
      ]),
    ),
);

export function virtualServiceFaults(
  { spec, metadata: { namespace } }: KindMap['VirtualService'],
  hosts: KnownHosts,
  gateways: KnownGateways,
): readonly Fault[] {
  const routes = [...paths('spec.http', spec.http), ...paths('spec.tls', spec.tls), ...paths('spec.tcp', spec.tcp)];
  const named = [
    ...paths('spec.gateways', spec.gateways),
    ...routes.flatMap(([path, route]) =>
      paths(`${path}.match`, route.match).flatMap(([each, match]) => paths(`${each}.gateways`, match.gateways)),
    ),
  ];
  return [
    ...named.flatMap(([path, name]) => gatewayFaults(gateways, name, namespace, path)),
    ...routes
      .flatMap(([path, route]) => destinationsOf(route, path))
      .flatMap(([path, destination]) => destinationFaults(hosts, destination, namespace, path)),
  ];
}

type Routing = Pick<HTTPRoute, 'mirror' | 'mirrors'> & { readonly route?: readonly RouteDestination[] };

const destinationsOf = (
  { route, mirror, mirrors }: Routing,
  path: string,
): readonly (readonly [string, Destination])[] => [
  ...paths(`${path}.route`, route).map(([each, { destination }]) => [`${each}.destination`, destination] as const),
  ...(mirror === undefined ? [] : [[`${path}.mirror`, mirror] as const]),
  ...paths(`${path}.mirrors`, mirrors).map(([each, { destination }]) => [`${each}.destination`, destination] as const),
];

function gatewayFaults(gateways: KnownGateways, name: string, namespace: string, path: string): readonly Fault[] {
  const [full = name] = gatewayNames([name], namespace) ?? [];
  if (full === meshGateway) return [];
  const others = gateways.get(full.slice(full.indexOf('/') + 1)) ?? [];
  if (others.includes(full)) return [];
  const remedy = others.length > 0 ? `is ${others.join(' or ')} meant?` : 'create it, or name another one';
  return [{ path, message: `there is no Gateway ${full}: ${remedy}` }];
}

export function destinationRuleFaults(
  { spec, metadata: { namespace } }: KindMap['DestinationRule'],
  hosts: KnownHosts,
  secrets: ReadonlySet<string>,
): readonly Fault[] {
  const policies = [
    ['spec.trafficPolicy', spec.trafficPolicy] as const,
    ...paths('spec.subsets', spec.subsets).map(
      ([path, subset]) => [`${path}.trafficPolicy`, subset.trafficPolicy] as const,
    ),
  ];
  return [
    ...hostFaults(hosts, { host: spec.host, namespace, path: 'spec.host', patterns: true }),
    ...policies.flatMap(([path, policy]) => clientKeyFaults(policy, path, secrets)),
  ];
}

export function sidecarFaults(
  { spec, metadata: { namespace } }: KindMap['Sidecar'],
  hosts: KnownHosts,
  routedHosts: ReadonlySet<string>,
): readonly Fault[] {
  const proxy = spec.outboundTrafficPolicy?.egressProxy;
  return [
    ...paths('spec.egress', spec.egress).flatMap(([path, egress]) =>
      paths(`${path}.hosts`, egress.hosts).flatMap(([each, name]) => {
        const host = name.slice(name.indexOf('/') + 1);
        return isWildcard(host) || routedHosts.has(host) ? [] : hostFaults(hosts, { host, namespace, path: each });
      }),
    ),
    ...(proxy === undefined
      ? []
      : destinationFaults(hosts, proxy, namespace, 'spec.outboundTrafficPolicy.egressProxy')),
  ];
}
