// References to the secrets that come over the same ADS stream: the workload's own certificate and the mesh's roots.
// There is one config source and it is the same everywhere: Envoy keeps a subscription per distinct source, and a second one
// on the same stream would never be answered.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/security/secret
import type { MessageOf } from '../../xds/generated/messages.ts';

type ConfigSource = MessageOf['envoy.config.core.v3.ConfigSource'];
type CommonTlsContext = MessageOf['envoy.extensions.transport_sockets.tls.v3.CommonTlsContext'];
type CertificateValidationContext = MessageOf['envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext'];
type SdsSecretConfig = MessageOf['envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig'];

const sdsConfig: ConfigSource = { ads: {}, resource_api_version: 'V3' };

export const workloadCertificate = 'default';
export const meshRoots = 'ROOTCA';

export const secret = (name: string): SdsSecretConfig => ({ name, sds_config: sdsConfig });

/** The workload's certificate, and peers checked against the mesh's roots and by `validation`. */
export const meshIdentity = (validation: CertificateValidationContext): CommonTlsContext => ({
  tls_certificate_sds_secret_configs: [secret(workloadCertificate)],
  combined_validation_context: {
    default_validation_context: validation,
    validation_context_sds_secret_config: secret(meshRoots),
  },
});
