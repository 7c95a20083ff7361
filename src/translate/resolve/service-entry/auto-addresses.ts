// Addresses for hosts that have none, so that proxies which answer their workload's DNS queries can tell the ports of such
// hosts apart. An address follows from the host's name alone unless two hosts meet on one: no event and no order changes it.
// https://istio.io/latest/docs/ops/configuration/traffic-management/dns-proxy/#address-auto-allocation
import { memo, sharedList, sharedValue } from '../../../model/memo.ts';
import type { Service } from '../../../model/mesh/mesh.ts';
import { isWildcard } from '../routing/host.ts';
import { compareText } from '../order.ts';

/** The network's own address and its broadcast address are left out. */
const available = 2 ** 16 - 2;

/** The services, those that need addresses with theirs. Addresses that the cluster has allocated are kept, and kept free. */
export const withAutoAddresses = memo((services: readonly Service[]): readonly Service[] => {
  const needing = services.filter(needsAddress);
  if (needing.length === 0) return services;
  const taken = new Set(services.flatMap(({ autoAddresses }) => autoAddresses));
  const offsets = new Map<string, number>();
  for (const name of [...new Set(needing.map(nameOf))].toSorted(compareText)) {
    const offset = freeOffset(name, taken);
    if (offset === undefined) break;
    offsets.set(name, offset);
    taken.add(ipv4(offset));
  }
  return sharedList(
    services.map((service) => {
      const offset = needsAddress(service) ? offsets.get(nameOf(service)) : undefined;
      return offset === undefined ? service : withAddresses(service, offset);
    }),
  );
});

const nameOf = ({ namespace, hostname }: Service): string => `${namespace}/${hostname}`;

/** Not where the caller chooses the address, nor for hosts without a name that could be looked up. */
const needsAddress = (service: Service): boolean =>
  service.registry === 'External' &&
  service.addresses.length === 0 &&
  service.autoAddresses.length === 0 &&
  service.resolution !== 'passthrough' &&
  !isWildcard(service.hostname) &&
  service.labels['networking.istio.io/enable-autoallocate-ip'] !== 'false';

const withAddresses = memo((service: Service, offset: number): Service => ({
  ...service,
  autoAddresses: sharedValue([ipv4(offset), ipv6(offset)]),
}));

/** The first free place from where the name hashes to; undefined when there is none left. */
function freeOffset(name: string, taken: ReadonlySet<string>): number | undefined {
  const start = hash(name) % available;
  for (let step = 0; step < available; step++) {
    const offset = ((start + step) % available) + 1;
    if (!taken.has(ipv4(offset))) return offset;
  }
  return undefined;
}

const ipv4 = (offset: number): string => `240.240.${offset >> 8}.${offset & 255}`;
const ipv6 = (offset: number): string => `2001:2::f0f0:${offset.toString(16)}`;

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return value >>> 0;
}
