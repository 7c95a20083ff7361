// What the mesh knows of services and their endpoints: registryz, endpointz, instancesz, in istiod's form.
import type { Endpoint, MeshSettings, Service, ServiceEndpoints, ServicePort } from '../../model/mesh/mesh.ts';
import { serviceKey } from '../../model/mesh/mesh.ts';
import { portKey } from '../../model/mesh/service-port.ts';
import type { Answer, Question } from './page.ts';
import { visibleProxies } from './page.ts';

const resolutions = { endpoints: 0, dns: 1, passthrough: 2, 'dns-round-robin': 3, 'dynamic-dns': 5 } as const;
const healths = { healthy: 1, unhealthy: 2, draining: 3 } as const;

export function registry({ plane }: Question): Answer {
  const { services, settings } = plane.mesh();
  return { json: services.map(serviceJson(settings)) };
}

export const serviceJson =
  ({ clusterId }: Pick<MeshSettings, 'clusterId'>) =>
  (service: Service): object => ({
    Attributes: {
      ServiceRegistry: service.registry,
      Name: service.name,
      Namespace: service.namespace,
      Labels: service.labels,
      ExportTo: null,
      LabelSelectors: service.selector ?? null,
      Aliases: service.aliases.length === 0 ? null : service.aliases.map(({ hostname }) => hostname),
    },
    ports: service.ports.map(portJson),
    creationTime: service.created,
    hostname: service.hostname,
    clusterVIPs: { Addresses: service.addresses.length === 0 ? null : { [clusterId]: service.addresses } },
    defaultAddress: service.addresses[0] ?? '0.0.0.0',
    ...(service.autoAddresses.length > 0 && { autoAllocatedIPv4Address: service.autoAddresses[0] }),
    Resolution: resolutions[service.resolution],
    MeshExternal: service.meshExternal,
  });

const portJson = ({ name, number, protocol }: ServicePort): object => ({
  name,
  port: number,
  protocol: protocol === 'Auto' ? 'UnsupportedProtocol' : protocol,
});

/** By host and namespace; the shard is the registry's. */
export function endpointShards({ plane }: Question): Answer {
  const { services, endpoints, settings } = plane.mesh();
  const hosts: Record<string, Record<string, object>> = {};
  for (const service of services) {
    const byPort = endpoints.get(serviceKey(service)) ?? noEndpoints;
    const all = service.ports.flatMap((port) =>
      (byPort.get(portKey(port)) ?? []).map((endpoint) => endpointJson(settings, endpoint, port)),
    );
    if (all.length === 0) continue;
    const accounts = [...byPort.values()].flat().map((endpoint) => serviceAccount(settings, endpoint));
    (hosts[service.hostname] ??= {})[service.namespace] = {
      Shards: { [`${service.registry}/${settings.clusterId}`]: all },
      ServiceAccounts: Object.fromEntries(accounts.toSorted().map((account) => [account, {}])),
    };
  }
  return { json: hosts };
}

const noEndpoints: ServiceEndpoints = new Map();

const serviceAccount = ({ trustDomain }: MeshSettings, endpoint: Endpoint): string =>
  `spiffe://${trustDomain}/ns/${endpoint.namespace}/sa/${endpoint.serviceAccount || 'default'}`;

function endpointJson(settings: MeshSettings, endpoint: Endpoint, port: ServicePort): object {
  const { region, zone, subZone } = endpoint.locality;
  return {
    Labels: endpoint.labels,
    Addresses: [endpoint.address],
    ServicePortName: port.name,
    ServiceAccount: serviceAccount(settings, endpoint),
    Network: endpoint.network,
    Locality: {
      Label: [region, zone, subZone].filter((part) => part !== '').join('/'),
      ClusterID: endpoint.workload.split(';')[4] ?? settings.clusterId,
    },
    EndpointPort: endpoint.port,
    LbWeight: endpoint.weight ?? 0,
    TLSMode: endpoint.tlsMode,
    Namespace: endpoint.namespace,
    WorkloadName: endpoint.workload.split(';')[0],
    HostName: endpoint.hostname ?? '',
    HealthStatus: healths[endpoint.health ?? 'healthy'],
    NodeName: endpoint.nodeName,
  };
}

/** The services that each connected proxy receives for. */
export function instances(question: Question): Answer {
  const { plane } = question;
  const entries = visibleProxies(question).map(({ proxy, node }) => {
    const view = plane.view(node);
    const ports = view?.inbound.ports ?? [];
    const targets = ports.flatMap(({ service, servicePort, targetPort }) =>
      service === undefined || view === undefined
        ? []
        : [
            {
              Service: serviceJson(view.settings)(service),
              Port: { ...portJson(servicePort), TargetPort: targetPort },
            },
          ],
    );
    return [proxy, targets] as const;
  });
  return { json: Object.fromEntries(entries) };
}
