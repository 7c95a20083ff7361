// Host names: short names to fully qualified ones, wildcards and their order.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#VirtualService

import { compareText } from '../order.ts';

/** A name without a dot is a service of `namespace`: `store` -> `store.shop.svc.cluster.local`. Others stay. */
export const resolveHost = (name: string, namespace: string, clusterDomain: string): string =>
  name === '*' || name.includes('.') ? name : `${name}.${namespace}.svc.${clusterDomain}`;

export const isWildcard = (host: string): boolean => host.startsWith('*');

/** Whether everything that `host` stands for is also meant by `pattern`. */
export function hostMatches(pattern: string, host: string): boolean {
  if (!isWildcard(pattern)) return pattern === host;
  const suffix = pattern.slice(1);
  return isWildcard(host) ? host.slice(1).endsWith(suffix) : host.length > suffix.length && host.endsWith(suffix);
}

/** Whether some concrete host is meant by both. */
export const hostsOverlap = (a: string, b: string): boolean => hostMatches(a, b) || hostMatches(b, a);

/** The more specific host first: exact before wildcard, longer wildcard before shorter, then by name. */
export function bySpecificity(a: string, b: string): number {
  if (isWildcard(a) !== isWildcard(b)) return isWildcard(a) ? 1 : -1;
  if (isWildcard(a) && a.length !== b.length) return b.length - a.length;
  return compareText(a, b);
}
