// The names that a proxy answers DNS queries for, each with its addresses: services by all the names that their callers may
// use, the Pods behind headless ones, and hosts that no DNS server knows.
// https://istio.io/latest/docs/ops/configuration/traffic-management/dns-proxy/
import { memo, sharedValue } from '../../../../model/memo.ts';
import type { Service, ServiceEndpoints } from '../../../../model/mesh/mesh.ts';
import type { ServiceView } from '../../../../model/view.ts';
import { compareText } from '../../../resolve/order.ts';
import { lookupNames } from '../../virtual-host/service-domains.ts';

export interface Name {
  readonly name: string;
  readonly addresses: readonly string[];
}

/** Address families that the workload can use. */
export interface Families {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
}

/** `endpoints` are those of the headless services, in their order. By name; the first service to have a name keeps it. */
export const nameTable = memo(
  (
    views: readonly ServiceView[],
    endpoints: readonly ServiceEndpoints[],
    dnsDomain: string,
    families: Families,
  ): readonly Name[] => {
    const ofHeadless = new Map(views.filter(isHeadless).map((view, i) => [view, endpoints[i]]));
    const all = views.flatMap((view) => serviceNames(view.service, ofHeadless.get(view), dnsDomain, families));
    const table = new Map<string, Name>();
    for (const entry of all) {
      const key = entry.name.toLowerCase();
      if (entry.addresses.length > 0 && !table.has(key)) table.set(key, entry);
    }
    return [...table.values()].toSorted((a, b) => compareText(a.name, b.name));
  },
);

/** Those whose addresses are their endpoints'. */
export const isHeadless = ({ service }: ServiceView): boolean => service.headless;

const serviceNames = memo(
  (
    service: Service,
    endpoints: ServiceEndpoints | undefined,
    dnsDomain: string,
    families: Families,
  ): readonly Name[] => {
    const names = [service.hostname, ...service.aliases.map(({ hostname }) => hostname)].flatMap((host) =>
      lookupNames(host, dnsDomain),
    );
    if (endpoints === undefined) {
      const addresses = usable(service.addresses.length > 0 ? service.addresses : service.autoAddresses, families);
      return names.map((name) => ({ name, addresses }));
    }
    const ready = [...endpoints.values()]
      .flat()
      .filter(({ health }) => health !== 'unhealthy' && health !== 'draining');
    const addresses = usable([...new Set(ready.map(({ address }) => address))].toSorted(), families);
    const pods = Map.groupBy(
      ready.filter(({ hostname }) => hostname !== undefined),
      ({ hostname }) => hostname ?? '',
    );
    return [
      ...names.map((name) => ({ name, addresses })),
      ...[...pods].flatMap(([hostname, own]) => {
        const podAddresses = usable([...new Set(own.map(({ address }) => address))].toSorted(), families);
        return names.map((name) => ({ name: `${hostname}.${name}`, addresses: podAddresses }));
      }),
    ];
  },
);

/** A block of addresses answers no query, and neither does an address of a family that the workload has none of. */
const usable = (addresses: readonly string[], { ipv4, ipv6 }: Families): readonly string[] =>
  sharedValue(addresses.filter((address) => !address.includes('/') && (address.includes(':') ? ipv6 : ipv4)));
