// How a cluster encrypts: mesh mutual TLS where the endpoint can, or what a DestinationRule asks for.
// https://istio.io/latest/docs/reference/config/networking/destination-rule/#ClientTLSSettings
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { ClientTLSSettings } from '../../../model/schema/index.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import { from } from '../../provenance.ts';
import { extension } from '../../typed.ts';
import { meshIdentity, secret } from '../sds.ts';
import type { Sourced } from './traffic-policy.ts';

type Cluster = MessageOf['envoy.config.cluster.v3.Cluster'];
type TransportSocket = MessageOf['envoy.config.core.v3.TransportSocket'];
type CommonTlsContext = MessageOf['envoy.extensions.transport_sockets.tls.v3.CommonTlsContext'];
type TlsParameters = MessageOf['envoy.extensions.transport_sockets.tls.v3.TlsParameters'];

export interface UpstreamTls {
  readonly settings: MeshSettings;
  readonly policy: Sourced<ClientTLSSettings> | undefined;
  /** Nothing was configured and endpoints may be able to: mutual TLS with those that can. */
  readonly auto: boolean;
  /** Endpoints carry metadata that says which of them can; else all of them are taken to be able. */
  readonly perEndpoint: boolean;
  readonly serverName: string;
  readonly subjectAltNames: readonly string[];
  /** Subject alternative names that external servers declare. */
  readonly declaredNames: readonly string[];
  readonly http2: boolean;
  /** Secrets by name may be used: by gateways, and by the workloads that a DestinationRule selects. */
  readonly credentials: boolean;
  /** The caller's own, for backends whose TLS a policy of Gateway API asks for. */
  readonly clientCertificate?: string;
}

/** Transport sockets of the cluster; no fields at all for plain text. */
export function upstreamTls(tls: UpstreamTls): Partial<Cluster> {
  const { policy } = tls;
  if (policy === undefined) return tls.auto ? automatic(tls) : {};
  switch (policy.value.mode) {
    case 'ISTIO_MUTUAL':
      return from(policy.source, { transport_socket: meshSocket(tls) });
    case 'SIMPLE':
    case 'MUTUAL': {
      const socket = originated(tls, policy.value);
      return socket === undefined ? {} : from(policy.source, { transport_socket: socket });
    }
    default:
      return {};
  }
}

/** TLS of the user's own, not the mesh's. */
export const isOriginated = (policy: Sourced<ClientTLSSettings> | undefined): boolean =>
  policy?.value.mode === 'SIMPLE' || policy?.value.mode === 'MUTUAL';

/** Without a server name of its own, TLS takes the one that the request is for, and checks the certificate for it. */
export function derivedServerName(
  tls: UpstreamTls,
): MessageOf['envoy.config.core.v3.UpstreamHttpProtocolOptions'] | undefined {
  const settings = tls.policy?.value;
  if (settings === undefined || !isOriginated(tls.policy) || (settings.sni ?? '') !== '') return undefined;
  const checksNames = originNames(tls, settings).length > 0 || settings.insecureSkipVerify === true;
  return { auto_sni: true, ...(!checksNames && { auto_san_validation: true }) };
}

export const rawBuffer = extension(
  'envoy.transport_sockets.raw_buffer',
  'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer',
  {},
);

function automatic(tls: UpstreamTls): Partial<Cluster> {
  if (!tls.perEndpoint) return { transport_socket: meshSocket(tls) };
  return {
    transport_socket_matches: [
      { name: 'tlsMode-istio', match: { tlsMode: 'istio' }, transport_socket: meshSocket(tls) },
      { name: 'tlsMode-disabled', match: {}, transport_socket: rawBuffer },
    ],
  };
}

const tlsSocket = (
  context: MessageOf['envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'],
): TransportSocket =>
  extension('envoy.transport_sockets.tls', 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', context);

const versions: TlsParameters = { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' };

/** Mutual TLS of the mesh. The protocol name selects the server's filter chain; HTTP versions are not negotiated. */
function meshSocket(tls: UpstreamTls): TransportSocket {
  const written = tls.policy?.value;
  const names = written?.subjectAltNames?.length ? written.subjectAltNames : tls.subjectAltNames;
  return tlsSocket({
    common_tls_context: {
      ...meshIdentity(names.length === 0 ? {} : { match_subject_alt_names: names.map((exact) => ({ exact })) }),
      alpn_protocols: tls.http2 ? ['istio', 'h2'] : ['istio'],
      tls_params: versions,
    },
    sni: written?.sni !== undefined && written.sni !== '' ? written.sni : tls.serverName,
  });
}

const originNames = (tls: UpstreamTls, settings: ClientTLSSettings): readonly string[] =>
  settings.subjectAltNames?.length ? settings.subjectAltNames : tls.declaredNames;

/** TLS towards a server outside the mesh, with certificates from files or from a secret by name. */
function originated(tls: UpstreamTls, settings: ClientTLSSettings): TransportSocket | undefined {
  const credential = settings.credentialName ?? '';
  if (credential !== '' && !tls.credentials && !isReference(credential)) return undefined;
  const certificate = clientCertificate(settings, credential) ?? gatewayCertificate(tls);
  return tlsSocket({
    common_tls_context: {
      ...(certificate !== undefined && { tls_certificate_sds_secret_configs: [secret(certificate)] }),
      ...serverValidation(originNames(tls, settings), settings, credential),
      ...(tls.http2 && { alpn_protocols: ['h2'] }),
      tls_params: originParams(tls.settings),
    },
    ...(settings.sni !== undefined && settings.sni !== '' && { sni: settings.sni }),
  });
}

/** Names of secrets that say what they are: only policies of Gateway API have such, and they are for every client. */
const isReference = (credential: string): boolean => /^(configmap|invalid):\/\//.test(credential);

const authorityName = (credential: string): string => {
  if (!isReference(credential)) return `kubernetes://${credential}-cacert`;
  // What cannot be read is never served, so that nothing is sent.
  return credential === 'invalid://' ? credential : `${credential}-cacert`;
};

function clientCertificate(settings: ClientTLSSettings, credential: string): string | undefined {
  if (settings.mode !== 'MUTUAL') return undefined;
  return credential === ''
    ? `file-cert:${settings.clientCertificate ?? ''}~${settings.privateKey ?? ''}`
    : `kubernetes://${credential}`;
}

const gatewayCertificate = ({ policy, clientCertificate: own }: UpstreamTls): string | undefined =>
  policy?.source.kind === 'BackendTLSPolicy' ? own : undefined;

function serverValidation(names: readonly string[], settings: ClientTLSSettings, credential: string): CommonTlsContext {
  if (settings.insecureSkipVerify === true) return { validation_context: {} };
  const authorities = settings.caCertificates ?? '';
  const revocations = settings.caCrl ?? '';
  const file = `file-root:${authorities === '' ? 'system' : authorities}`;
  return {
    combined_validation_context: {
      default_validation_context: {
        ...(names.length > 0 && { match_subject_alt_names: names.map((exact) => ({ exact })) }),
        ...(revocations !== '' && { crl: { filename: revocations } }),
      },
      validation_context_sds_secret_config: secret(credential === '' ? file : authorityName(credential)),
    },
  };
}

/** The mesh's defaults for TLS that is not its own; as in Istio its protocol version is for servers only. */
function originParams({ tlsDefaults }: MeshSettings): TlsParameters {
  return {
    ...versions,
    ...(tlsDefaults?.cipherSuites !== undefined && { cipher_suites: tlsDefaults.cipherSuites }),
    ...(tlsDefaults?.ecdhCurves !== undefined && { ecdh_curves: tlsDefaults.ecdhCurves }),
  };
}
