// Where a Gateway is reached: the outside addresses of its Services, and what is missing for its listeners to be reached there.
// https://gateway-api.sigs.k8s.io/reference/spec/#gatewaystatus
import type { Service, ServiceEndpoints } from '../../../../model/mesh/mesh.ts';
import { serviceKey } from '../../../../model/mesh/mesh.ts';
import type { NumberedPort } from '../../../../model/mesh/service-port.ts';
import { isDatagram, portKey } from '../../../../model/mesh/service-port.ts';
import type { KindMap } from '../../../../model/schema/index.ts';
import { objectKey } from '../../../../model/object.ts';
import { compareText } from '../../order.ts';

/** Plain data, so that a status changes only when what it says does. */
export interface GatewayAddresses {
  /** `host:port` of each Service that leads to a listener, sorted. */
  readonly internal: readonly string[];
  /** Addresses within the cluster. */
  readonly clusterIps: readonly string[];
  /** Addresses that the world reaches. */
  readonly external: readonly string[];
  /** The same, whether or not proxies are behind them already. */
  readonly given: readonly string[];
  /** Hosts that wait for an address. */
  readonly pending: readonly string[];
  readonly warnings: readonly string[];
  /** False when a Service or a port of it is not there, which waiting does not change. */
  readonly usable: boolean;
}

export interface AddressInputs {
  readonly services: ReadonlyMap<string, readonly Service[]>;
  readonly endpoints: ReadonlyMap<string, ServiceEndpoints>;
  readonly objects: ReadonlyMap<string, KindMap['Service']>;
}

/** `ports` are those of all listeners that have a server. */
export function gatewayAddresses(
  hostnames: readonly string[],
  namespace: string,
  ports: readonly NumberedPort[],
  { services, endpoints, objects }: AddressInputs,
): GatewayAddresses {
  const found = hostnames.map((host): Reached => {
    const named = services.get(host) ?? [];
    const service = named.find((one) => one.namespace === namespace);
    if (service === undefined) {
      const elsewhere = named.map((one) => one.namespace).toSorted();
      const where = elsewhere.length > 0 ? ` in namespace ${namespace}, only in ${elsewhere.join(', ')}` : '';
      return { ...nothing, warnings: [`there is no Service ${host}${where}`], usable: false };
    }
    const own = endpoints.get(serviceKey(service)) ?? new Map();
    return reached(host, service, own, ports, objects.get(objectKey(service.namespace, service.name)));
  });
  const all = (field: 'internal' | 'clusterIps' | 'external' | 'given' | 'pending' | 'warnings'): readonly string[] =>
    [...new Set(found.flatMap((one) => one[field]))].toSorted(compareText);
  return {
    internal: all('internal'),
    clusterIps: all('clusterIps'),
    external: all('external'),
    given: all('given'),
    pending: all('pending'),
    warnings: all('warnings'),
    usable: found.every(({ usable }) => usable),
  };
}

type Reached = GatewayAddresses;

const nothing: Reached = {
  internal: [],
  clusterIps: [],
  external: [],
  given: [],
  pending: [],
  warnings: [],
  usable: true,
};

function reached(
  host: string,
  service: Service,
  endpoints: ServiceEndpoints,
  ports: readonly NumberedPort[],
  object: KindMap['Service'] | undefined,
): Reached {
  const serving = ports.filter((port) => (endpoints.get(portKey(port)) ?? []).length > 0);
  const missing = ports
    .filter((port) => !serving.includes(port))
    .map((port) => missingPort(host, service, endpoints, port));
  const external = object === undefined ? [] : externalAddresses(object);
  const pending = serving.length > 0 && external.length === 0 && object?.spec.type === 'LoadBalancer';
  return {
    internal: serving.map((port) => `${host}:${port.number}`),
    clusterIps: serving.length > 0 ? service.addresses : [],
    external: serving.length > 0 ? external : [],
    given: external,
    pending: pending ? [host] : [],
    warnings: [...(pending ? [`${host} has no address yet`] : []), ...missing.flatMap(({ warning }) => warning ?? [])],
    usable: missing.every(({ usable }) => usable),
  };
}

/** Proxies may still be on their way; a port that the Service does not have will not come. */
function missingPort(
  host: string,
  { ports, labels }: Service,
  endpoints: ServiceEndpoints,
  asked: NumberedPort,
): { readonly warning?: string; readonly usable: boolean } {
  if ([...endpoints.values()].every((own) => own.length === 0))
    return { warning: `no proxies are behind ${host}`, usable: true };
  const meant = ports
    .filter((port) => isDatagram(port) === isDatagram(asked))
    .filter((port) => endpoints.get(portKey(port))?.some((endpoint) => endpoint.port === asked.number) === true)
    .map(({ number }) => number);
  if (meant.length > 0)
    return {
      warning: `${host} has no port ${asked.number}; its port ${meant.toSorted((a, b) => a - b).join(', ')} leads there`,
      usable: false,
    };
  const managed =
    labels['gateway.istio.io/managed'] !== undefined && ports.some((port) => portKey(port) === portKey(asked));
  return managed ? { usable: true } : { warning: `${host} has no port ${asked.number}`, usable: false };
}

const externalAddresses = ({ spec, status }: KindMap['Service']): readonly string[] => [
  ...(status.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip || hostname || []),
  ...(spec.externalIPs ?? []),
];
