// Rules of TCPRoutes, UDPRoutes and TLSRoutes as routes of a VirtualService.
// https://gateway-api.sigs.k8s.io/reference/spec/#tcproute
import type { gatewayApi, KindMap, RouteDestination, TCPRoute, TLSRoute } from '../../../../../model/schema/index.ts';
import type { SourceRef } from '../../../../../model/source.ts';
import { at } from '../../../../../model/source.ts';
import type { SourcedRoute } from '../../../../../model/mesh/virtual-service.ts';
import type { Fault } from '../../status/conditions.ts';
import type { BackendOf } from './filters.ts';
import type { ConvertedRules } from './http-rules.ts';

/** Of connections, or of datagrams: nothing but the port tells them apart. */
export const connectionRules = (
  { spec, source }: KindMap['TCPRoute'] | KindMap['UDPRoute'],
  backendOf: BackendOf,
): ConvertedRules<TCPRoute> => convert(spec.rules ?? [], source, backendOf, (route) => ({ route }));

/** A rule whose backends all have no share takes no connections: others may have them. */
export const tlsRules = ({ spec, source }: KindMap['TLSRoute'], backendOf: BackendOf): ConvertedRules<TLSRoute> => {
  const sniHosts = (spec.hostnames ?? []).length === 0 ? ['*'] : (spec.hostnames ?? []);
  return convert(spec.rules ?? [], source, backendOf, (route, served) => ({
    match: served ? [{ sniHosts }] : [],
    route,
  }));
};

/** A cluster that nobody has: the connection is closed. */
const nobody: RouteDestination = {
  destination: { host: 'internal.cluster.local', subset: 'zero-weight', port: { number: 65535 } },
};

function convert<R>(
  rules: readonly gatewayApi.L4RouteRule[],
  source: SourceRef,
  backendOf: BackendOf,
  make: (route: readonly RouteDestination[], served: boolean) => R,
): ConvertedRules<R> {
  const routes: SourcedRoute<R>[] = [];
  let fault: Fault | undefined;
  for (const [i, { backendRefs = [] }] of rules.entries()) {
    const used = backendRefs.filter(({ weight }) => weight > 0);
    const found = used.map((reference) => ({ reference, ...backendOf(reference) }));
    const broken = found.find((one) => one.broken === true);
    if (broken?.fault !== undefined) return { routes: [], fault: broken.fault };
    fault = found.findLast((one) => one.fault !== undefined)?.fault ?? fault;
    const route = found.map(({ destination, reference: { weight } }) => ({
      destination,
      ...(used.length > 1 && { weight }),
    }));
    const served = route.length > 0;
    routes.push({ source: at(source, `spec.rules[${i}]`), route: make(served ? route : [nobody], served), fields: {} });
  }
  return { routes, ...(fault !== undefined && { fault }) };
}
