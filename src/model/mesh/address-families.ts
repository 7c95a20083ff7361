// Which families of addresses a proxy has, and so which addresses of a service it can use.
// https://kubernetes.io/docs/concepts/services-networking/dual-stack/
import type { Proxy } from '../proxy/proxy.ts';
import type { MeshSettings } from './mesh.ts';

/** `first`: it has both, and uses only addresses of the family that the service names first; `both`: it uses all. */
export type AddressFamilies = 'ipv4' | 'ipv6' | 'first' | 'both';

export const isIpv6 = (address: string): boolean => address.includes(':');
export const supportsIpv4 = ({ ipAddresses }: Proxy): boolean => ipAddresses.some((address) => !isIpv6(address));
export const supportsIpv6 = ({ ipAddresses }: Proxy): boolean => ipAddresses.some(isIpv6);

export function addressFamilies({ features }: MeshSettings, proxy: Proxy): AddressFamilies {
  if (!supportsIpv6(proxy)) return 'ipv4';
  if (!supportsIpv4(proxy)) return 'ipv6';
  return features.dualStack ? 'both' : 'first';
}

/** In their order; a block of addresses is of its family, too. */
export function usableAddresses(addresses: readonly string[], families: AddressFamilies): readonly string[] {
  const [first] = addresses;
  if (families === 'both' || first === undefined) return addresses;
  const six = families === 'first' ? isIpv6(first) : families === 'ipv6';
  return addresses.filter((address) => isIpv6(address) === six);
}
