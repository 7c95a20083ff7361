// What a policy for backends is for: a Service or a ServiceEntry, or one port of it.
// https://gateway-api.sigs.k8s.io/reference/spec/#localpolicytargetreferencewithsectionname
import type { gatewayApi, KindMap } from '../../../../model/schema/index.ts';
import { isDatagram } from '../../../../model/mesh/service-port.ts';
import { objectKey } from '../../../../model/object.ts';
import { istioProtocol } from '../../services/protocol.ts';
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
    service?.spec.ports?.map(({ name, port, protocol = 'TCP' }) => ({ name, number: port, protocol })) ??
    entry?.spec.ports?.map(({ name, number, protocol }) => ({ name, number, protocol: istioProtocol(protocol) })) ??
    [];
  const named = ports.find((one) => one.name === sectionName);
  if (sectionName !== '' && named === undefined) return notFound(`The ${kind} ${key} has no port ${sectionName}`);
  // It would be taken for that of the same number for connections, which policies for backends are about.
  if (named !== undefined && isDatagram(named))
    return notFound(`The port ${sectionName} of the ${kind} ${key} is for UDP`);
  const port = named?.number;
  return {
    hosts: entry?.spec.hosts ?? [`${name}.${namespace}.svc.${clusterDomain}`],
    ...(sectionName !== '' && port !== undefined && { port }),
    ruleName: (host) => (entry === undefined ? name : `${name}~${host.replaceAll('.', '-')}`),
  };
}

const notFound = (message: string): Fault => ({ reason: 'TargetNotFound', message });
