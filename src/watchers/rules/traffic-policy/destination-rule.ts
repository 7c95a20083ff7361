// DestinationRule: subsets and traffic policies.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/
import type {
  ClientTLSSettings,
  KindMap,
  OutlierDetection,
  PortTrafficPolicy,
  TrafficPolicy,
} from '../../../model/schema/index.ts';
import type { Drafts } from '../../draft.ts';
import type { FieldPath } from '../../field-path.ts';
import { conflict, deprecated, duplicate, invalid, missing } from '../../draft.ts';
import { atMostOne, checkExportTo, checkPercent, checkPort } from '../common.ts';
import { checkConnectionPool } from './connection-pool.ts';
import { checkLoadBalancer } from './load-balancer.ts';
import { dnsNameFault, isAddress, isDnsLabel, wildcardNameFault } from '../syntax/host.ts';
import { checkLabels, checkSelector } from '../syntax/labels.ts';

export function* destinationRule({ spec, metadata }: KindMap['DestinationRule']): Drafts {
  const fault = wildcardNameFault(spec.host);
  if (fault !== undefined) yield invalid(['spec', 'host'], fault);
  yield* checkTrafficPolicy(spec.trafficPolicy, ['spec', 'trafficPolicy'], metadata.namespace);
  const names = new Set<string>();
  for (const [index, subset] of (spec.subsets ?? []).entries()) {
    const path = ['spec', 'subsets', index];
    if (names.has(subset.name)) yield duplicate([...path, 'name'], `there is another subset "${subset.name}"`);
    names.add(subset.name);
    if (!isDnsLabel(subset.name)) yield invalid([...path, 'name'], `"${subset.name}" is not a subset name`);
    yield* checkLabels(subset.labels, [...path, 'labels']);
    yield* checkTrafficPolicy(subset.trafficPolicy, [...path, 'trafficPolicy'], metadata.namespace);
  }
  const ownNamespaceOnly = spec.workloadSelector !== undefined;
  yield* checkExportTo(spec.exportTo, metadata.namespace, ['spec', 'exportTo'], { ownNamespaceOnly });
  if (spec.workloadSelector)
    yield* checkSelector(spec.workloadSelector.matchLabels, ['spec', 'workloadSelector', 'matchLabels']);
}

function* checkTrafficPolicy(policy: TrafficPolicy | undefined, path: FieldPath, namespace: string): Drafts {
  if (!policy) return;
  if (Object.keys(policy).length === 0) yield missing(path, 'a traffic policy must set something');
  yield* atMostOne(policy, path, ['tunnel', 'proxyProtocol']);
  yield* checkPolicies(policy, path, namespace);
  for (const [index, port] of (policy.portLevelSettings ?? []).entries()) {
    const at = [...path, 'portLevelSettings', index];
    if (!port.port) yield missing([...at, 'port'], 'which port the settings are for is required');
    if (Object.keys(port).every((key) => key === 'port'))
      yield missing(at, 'the settings of a port must set something');
    yield* checkPolicies(port, at, namespace);
  }
  yield* checkTunnel(policy.tunnel, [...path, 'tunnel']);
}

type Policies = Pick<PortTrafficPolicy, 'loadBalancer' | 'connectionPool' | 'outlierDetection' | 'tls'>;

function* checkPolicies(policy: Policies, path: FieldPath, namespace: string): Drafts {
  yield* checkOutlierDetection(policy.outlierDetection, [...path, 'outlierDetection']);
  yield* checkConnectionPool(policy.connectionPool, [...path, 'connectionPool']);
  yield* checkLoadBalancer(policy.loadBalancer, policy.outlierDetection !== undefined, [...path, 'loadBalancer']);
  yield* checkClientTls(policy.tls, [...path, 'tls'], namespace);
}

function* checkOutlierDetection(outlier: OutlierDetection | undefined, path: FieldPath): Drafts {
  if (!outlier) return;
  if (outlier.consecutiveErrors)
    yield deprecated(
      [...path, 'consecutiveErrors'],
      'consecutiveErrors is deprecated; use consecutiveGatewayErrors or consecutive5xxErrors',
    );
  if (!outlier.splitExternalLocalOriginErrors && outlier.consecutiveLocalOriginFailures)
    yield conflict(
      [...path, 'consecutiveLocalOriginFailures'],
      'failures of local origin are only counted with splitExternalLocalOriginErrors: true',
    );
  yield* checkPercent(outlier.maxEjectionPercent, [...path, 'maxEjectionPercent']);
  yield* checkPercent(outlier.minHealthPercent, [...path, 'minHealthPercent']);
}

function* checkTunnel(tunnel: TrafficPolicy['tunnel'], path: FieldPath): Drafts {
  if (!tunnel) return;
  if (tunnel.protocol && tunnel.protocol !== 'CONNECT' && tunnel.protocol !== 'POST')
    yield invalid([...path, 'protocol'], `"${tunnel.protocol}" is neither CONNECT nor POST`);
  const fault = isAddress(tunnel.targetHost) ? undefined : dnsNameFault(tunnel.targetHost);
  if (fault !== undefined) yield invalid([...path, 'targetHost'], fault);
  yield* checkPort(tunnel.targetPort, [...path, 'targetPort']);
}

/** https://istio.io/latest/docs/reference/config/networking/destination-rule/#ClientTLSSettings */
function* checkClientTls(tls: ClientTLSSettings | undefined, path: FieldPath, namespace: string): Drafts {
  if (!tls) return;
  const originates = tls.mode === 'SIMPLE' || tls.mode === 'MUTUAL';
  const reference = /^configmap:\/\/(([^/]*)\/)?/.exec(tls.credentialName ?? '');
  if (reference?.[2] !== undefined && reference[2] !== namespace)
    yield invalid([...path, 'credentialName'], 'a ConfigMap must be of the same namespace');
  if (tls.insecureSkipVerify && originates) {
    for (const field of ['caCertificates', 'subjectAltNames', 'credentialName'] as const) {
      const allowed = field === 'credentialName' && tls.mode === 'MUTUAL';
      if (!allowed && tls[field] && tls[field].length > 0)
        yield conflict([...path, field], `nothing is verified with insecureSkipVerify, so ${field} cannot be set`);
    }
  }
  if (originates && tls.credentialName) {
    for (const field of ['clientCertificate', 'privateKey', 'caCertificates', 'caCrl'] as const) {
      if (tls[field]) yield conflict([...path, field], `credentialName and ${field} exclude each other`);
    }
  } else if (tls.mode === 'MUTUAL') {
    for (const field of ['clientCertificate', 'privateKey'] as const) {
      if (!tls[field]) yield missing([...path, field], `mode MUTUAL needs ${field} or credentialName`);
    }
  }
}
