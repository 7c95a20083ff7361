// What callers of a service have to know of its endpoints: the few facts that change rarely, so that most changes of
// endpoints touch nothing but the endpoints themselves.
import { isDatagram } from '../../../model/mesh/service-port.ts';
import { memo, memoPairs, sharedValue } from '../../../model/memo.ts';
import { memoAligned } from '../../../model/patched-map.ts';
import type { MeshSettings, Service, ServiceEndpoints } from '../../../model/mesh/mesh.ts';
import { serviceKey } from '../../../model/mesh/mesh.ts';
import { spiffeId } from '../../../model/proxy/identity.ts';
import { namespaceMtls } from '../security/peer-authentication.ts';
import type { PeerAuthentications } from '../security/peer-authentication.ts';
import { isHttp } from './protocol.ts';

export interface ServiceFacts {
  readonly subjectAltNames: readonly string[];
  readonly autoMtls: boolean;
  readonly instanceAddresses: readonly string[];
}

/** The facts of each service, in their order. */
export const serviceFacts = (
  settings: MeshSettings,
  services: readonly Service[],
  endpoints: ReadonlyMap<string, ServiceEndpoints>,
  mtls: (namespace: string) => PeerAuthentications,
): readonly ServiceFacts[] => allFacts(settings, mtls, services, alignedEndpoints(services, endpoints));

/** Those of each service, in their order. */
const alignedEndpoints = memoAligned((service: Service) => serviceKey(service));

const allFacts = memoPairs(
  (
    settings: MeshSettings,
    mtls: (namespace: string) => PeerAuthentications,
    service: Service,
    endpoints: ServiceEndpoints | undefined,
  ): ServiceFacts => factsOf(settings, service, endpoints ?? noEndpoints, mtls(service.namespace)),
);

const noEndpoints: ServiceEndpoints = new Map();

const factsOf = memo(
  (settings: MeshSettings, service: Service, endpoints: ServiceEndpoints, mtls: PeerAuthentications): ServiceFacts =>
    sharedValue({
      subjectAltNames: subjectAltNames(settings, service, endpoints),
      autoMtls: (settings.enableAutoMtls ?? true) && !service.meshExternal && namespaceMtls(mtls) !== 'DISABLE',
      instanceAddresses: bindsInstances(service) ? readyAddresses(endpoints) : [],
    }),
);

/** The ids of all accounts that run the service, for each trust domain of the mesh, and those it declares itself. */
function subjectAltNames(settings: MeshSettings, service: Service, endpoints: ServiceEndpoints): readonly string[] {
  const domains = [settings.trustDomain, ...(settings.trustDomainAliases ?? [])];
  const ids = [...endpoints.values()]
    .flat()
    .filter((endpoint) => endpoint.serviceAccount !== '')
    .flatMap(({ namespace, serviceAccount }) =>
      domains.map((trustDomain) => spiffeId({ trustDomain, namespace, serviceAccount })),
    );
  return [...new Set([...ids, ...service.subjectAltNames])].toSorted();
}

/** Headless services that are not plainly HTTP have a listener for each instance. */
const bindsInstances = (service: Service): boolean =>
  service.headless && service.ports.some((port) => !isHttp(port.protocol) && !isDatagram(port));

const readyAddresses = (endpoints: ServiceEndpoints): readonly string[] =>
  [
    ...new Set(
      [...endpoints.values()]
        .flat()
        .filter((endpoint) => endpoint.health !== 'unhealthy')
        .map((endpoint) => endpoint.address),
    ),
  ].toSorted();
