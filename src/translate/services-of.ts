// The services of a list of things that are about one each: the same list while only what is said of them changes, so that
// what depends on nothing but the services is found by it.
import { memo, memoEach } from '../model/memo.ts';
import type { Service } from '../model/mesh/mesh.ts';

export const servicesOf = memoEach(({ service }: { readonly service: Service }): Service => service);

/** Where the services with a host are, by its name and those of its aliases; the last of several with one name. */
export const positionsByName = memo(
  (services: readonly Service[]): ReadonlyMap<string, number> =>
    new Map(
      services.flatMap((service, i) => [service, ...service.aliases].map(({ hostname }) => [hostname, i] as const)),
    ),
);
