// Why the certificate that a Gateway is to show to backends cannot be used.
// https://gateway-api.sigs.k8s.io/reference/spec/#gatewaybackendtls
import { objectKey } from '../../../../model/object.ts';
import type { KindMap } from '../../../../model/schema/index.ts';
import type { ReferenceGrants } from '../reference-grants.ts';
import type { Fault } from './conditions.ts';

export function clientCertificateFault(
  { spec, metadata }: KindMap['KubernetesGateway'],
  grants: ReferenceGrants,
  secrets: ReadonlyMap<string, KindMap['Secret']>,
): Fault | undefined {
  const reference = spec.tls?.backend?.clientCertificateRef;
  if (reference === undefined) return undefined;
  const { group, kind, name, namespace = metadata.namespace } = reference;
  const fault = (message: string): Fault => ({ reason: 'InvalidClientCertificateRef', message });
  if (group !== '' || kind !== 'Secret') return fault(`A certificate is in a Secret, not in a ${kind}`);
  if (!grants({ kind: 'Gateway', namespace: metadata.namespace }, { group, kind, namespace, name }))
    return {
      reason: 'RefNotPermitted',
      message: `No ReferenceGrant of namespace ${namespace} lets the Gateway use the Secret ${name}`,
    };
  const secret = secrets.get(objectKey(namespace, name));
  if (secret === undefined) return fault(`There is no Secret ${namespace}/${name}`);
  const problem = secret.keyPairFault();
  return problem === undefined ? undefined : fault(`The Secret ${namespace}/${name} cannot be used: ${problem}`);
}
