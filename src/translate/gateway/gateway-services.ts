// The services that a gateway needs clusters for, where it is not to have those of the whole mesh: what its routes lead to,
// what its filters ask, and what the mesh's extension providers need.
// https://istio.io/latest/docs/reference/commands/pilot-discovery/#envvars
import { memo, sharedList } from '../../model/memo.ts';
import type { MeshSettings } from '../../model/mesh/mesh.ts';
import type { ServiceView, VirtualServiceView } from '../../model/view.ts';
import { destinationHosts } from '../resolve/routing/virtual-service.ts';

/** `routes` are the VirtualServices of each of its gateways, `asked` a shared value of hosts. */
export const routedServices = memo(
  (
    settings: MeshSettings,
    services: readonly ServiceView[],
    routes: readonly (readonly VirtualServiceView[])[],
    asked: readonly string[],
  ): readonly ServiceView[] => {
    return named(services, new Set([...hostsOf(routes), ...providerServices(settings), ...asked]));
  },
);

/** Those that routes lead to, alone. */
export const destinations = memo(
  (services: readonly ServiceView[], routes: readonly (readonly VirtualServiceView[])[]): readonly ServiceView[] =>
    named(services, new Set(hostsOf(routes))),
);

const hostsOf = (routes: readonly (readonly VirtualServiceView[])[]): readonly string[] =>
  routes.flat().flatMap(({ virtualService }) => destinationHosts(virtualService));

const named = (services: readonly ServiceView[], hosts: ReadonlySet<string>): readonly ServiceView[] =>
  sharedList(
    services.filter(
      ({ service: { hostname, namespace, aliases } }) =>
        hosts.has(hostname) ||
        hosts.has(`${namespace}/${hostname}`) ||
        aliases.some((alias) => hosts.has(alias.hostname)),
    ),
  );

/** As the mesh names them: `host` or `namespace/host`. */
const providerServices = (settings: MeshSettings): readonly string[] =>
  (settings.extensionProviders ?? []).flatMap((provider) =>
    Object.values(provider).flatMap((kind: unknown) =>
      typeof kind === 'object' && kind !== null && 'service' in kind && typeof kind.service === 'string'
        ? [kind.service]
        : [],
    ),
  );
