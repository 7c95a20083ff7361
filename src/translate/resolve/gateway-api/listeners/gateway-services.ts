// Which Services lead to the proxies of a Gateway: that of its own deployment, or those whose host names are its addresses.
// https://istio.io/latest/docs/tasks/traffic-management/ingress/gateway-api/#deployment-methods
import { objectKey } from '../../../../model/object.ts';
import type { KindMap } from '../../../../model/schema/index.ts';
import type { GatewayClass } from '../gateway-class.ts';
import type { Fault } from '../status/conditions.ts';

type KubernetesGateway = KindMap['KubernetesGateway'];

/**
 * Whether proxies are deployed for it; with a host name for its address it uses others. More than one IP address is asked for
 * only strictly.
 */
export const isManaged = ({ spec: { addresses = [] } }: KubernetesGateway, strict: boolean): boolean =>
  addresses.every(({ type }) => type === 'IPAddress') && (strict || addresses.length <= 1);

/** What a deployed gateway has to be reached at; as from Istio nobody looks whether it is. */
export const askedAddresses = (gateway: KubernetesGateway, strict: boolean): readonly string[] =>
  strict && isManaged(gateway, strict) ? (gateway.spec.addresses ?? []).flatMap(({ value }) => value || []) : [];

/** What is deployed for it is called so, unless the annotation says otherwise. */
export function deployedName(
  { metadata, spec }: KubernetesGateway,
  { suffix }: GatewayClass,
  annotation: 'gateway.istio.io/name-override' | 'gateway.istio.io/service-account' = 'gateway.istio.io/name-override',
): string {
  const name = suffix ? `${metadata.name}-${spec.gatewayClassName}` : metadata.name;
  return metadata.annotations[annotation] || name;
}

export function gatewayServices(
  gateway: KubernetesGateway,
  gatewayClass: GatewayClass,
  {
    clusterDomain,
    configMaps,
    strict,
  }: {
    readonly clusterDomain: string;
    readonly configMaps: ReadonlyMap<string, KindMap['ConfigMap']>;
    readonly strict: boolean;
  },
): { readonly hostnames: readonly string[]; readonly fault?: Fault } {
  const { namespace } = gateway.metadata;
  const inFull = (name: string): string => (name.includes('.') ? name : `${name}.${namespace}.svc.${clusterDomain}`);
  const parameters = parametersFault(gateway, configMaps);
  if (isManaged(gateway, strict))
    return { hostnames: [`${deployedName(gateway, gatewayClass)}.${namespace}.svc.${clusterDomain}`], ...parameters };
  const addresses = gateway.spec.addresses ?? [];
  const hostnames = addresses.flatMap(({ type, value = '' }) => (type === 'Hostname' ? inFull(value) : []));
  const ignored = addresses.flatMap(({ type, value = '' }) => (type === 'Hostname' ? [] : value));
  if (ignored.length === 0) return { hostnames, ...parameters };
  const message = `Of several addresses only host names are supported; ignored: ${ignored.join(', ')}`;
  return { hostnames, fault: { reason: 'UnsupportedAddress', message } };
}

function parametersFault(
  { spec, metadata }: KubernetesGateway,
  configMaps: ReadonlyMap<string, KindMap['ConfigMap']>,
): { readonly fault?: Fault } {
  const reference = spec.infrastructure?.parametersRef;
  if (reference === undefined) return {};
  const fault = (message: string) => ({ fault: { reason: 'InvalidParameters', message } });
  if (reference.group !== '' || reference.kind !== 'ConfigMap')
    return fault(`Parameters are in a ConfigMap, not in a ${reference.kind}`);
  return configMaps.has(objectKey(metadata.namespace, reference.name))
    ? {}
    : fault(`There is no ConfigMap ${metadata.namespace}/${reference.name}`);
}
