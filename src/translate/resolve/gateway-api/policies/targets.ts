// What a policy for backends is for: a Service or a ServiceEntry, or one port of it.
// https://gateway-api.sigs.k8s.io/reference/spec/#localpolicytargetreferencewithsectionname
import type { gatewayApi, KindMap } from '../../../../model/schema/index.ts';
import { objectKey } from '../../../../model/object.ts';
import type { Fault } from '../status/conditions.ts';

export interface PolicyTarget {
  readonly hosts: readonly string[];
  /** Absent for all ports. */
  readonly port?: number;
  /** What the policy for one of the hosts is called. */
  ruleName(host: string): string;
}

export interface TargetLookup {
  readonly clusterDomain: string;
  readonly services: ReadonlyMap<string, KindMap['Service']>;
  readonly entries: ReadonlyMap<string, KindMap['ServiceEntry']>;
}

export function policyTarget(
  { group, kind, name, sectionName = '' }: gatewayApi.BackendPolicyTarget,
  namespace: string,
  { clusterDomain, services, entries }: TargetLookup,
): PolicyTarget | Fault {
  const key = objectKey(namespace, name);
  const service = group === '' && kind === 'Service' ? services.get(key) : undefined;
  const entry = group === 'networking.istio.io' && kind === 'ServiceEntry' ? entries.get(key) : undefined;
  if (service === undefined && entry === undefined) return notFound(`There is no ${kind} ${key}`);
  const ports =
    service?.spec.ports?.map((port) => ({ name: port.name, number: port.port })) ??
    entry?.spec.ports?.map((port) => ({ name: port.name, number: port.number })) ??
    [];
  const port = ports.find((one) => one.name === sectionName)?.number;
  if (sectionName !== '' && port === undefined) return notFound(`The ${kind} ${key} has no port ${sectionName}`);
  return {
    hosts: entry?.spec.hosts ?? [`${name}.${namespace}.svc.${clusterDomain}`],
    ...(sectionName !== '' && port !== undefined && { port }),
    ruleName: (host) => (entry === undefined ? name : `${name}~${host.replaceAll('.', '-')}`),
  };
}

const notFound = (message: string): Fault => ({ reason: 'TargetNotFound', message });
