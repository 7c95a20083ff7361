// TLS of a listener: the certificates that it shows, and whether clients have to show theirs. References that cannot be used are
// faults; one certificate of several is enough.
// https://gateway-api.sigs.k8s.io/guides/tls/
import { objectKey } from '../../../../model/object.ts';
import type { gatewayApi, KindMap, ServerTLSSettings } from '../../../../model/schema/index.ts';
import type { ReferenceGrants, Referrer } from '../reference-grants.ts';
import type { Fault } from '../status/conditions.ts';
import type { Listener } from './listener.ts';

export interface TlsOutcome {
  /** Absent when the listener has no TLS. */
  readonly settings?: ServerTLSSettings;
  readonly fault?: Fault;
  /** Set when the fault makes the listener unacceptable. */
  readonly notAccepted?: Fault;
}

/** What references are looked up in. */
export interface References {
  readonly grants: ReferenceGrants;
  readonly secrets: ReadonlyMap<string, KindMap['Secret']>;
  readonly configMaps: ReadonlyMap<string, KindMap['ConfigMap']>;
}

const modeOption = 'gateway.istio.io/tls-terminate-mode';
const cipherOption = 'gateway.istio.io/tls-cipher-suites';
const mostCertificates = 2;

export function listenerTls(
  owner: Referrer,
  listener: Listener,
  frontend: gatewayApi.FrontendTls | undefined,
  betweenNetworks: boolean,
  references: References,
): TlsOutcome {
  const { tls } = listener;
  if (tls === undefined) return {};
  if (tls.mode === 'Passthrough')
    return { settings: { mode: betweenNetworks ? 'AUTO_PASSTHROUGH' : 'PASSTHROUGH', ...ciphers(tls) } };
  const option = tls.options?.[modeOption];
  if (option === 'ISTIO_SIMPLE') return { settings: { mode: 'SIMPLE', credentialName: 'builtin://' } };
  if (option === 'ISTIO_MUTUAL') return { settings: { mode: 'ISTIO_MUTUAL' } };
  const mode = option === 'MUTUAL' || option === 'OPTIONAL_MUTUAL' ? option : 'SIMPLE';
  const certificates = serverCertificates(owner, tls, references);
  if ('fault' in certificates) return { settings: { mode }, ...rejection(certificates.fault) };
  const [only = '', ...others] = certificates.names;
  const settings: ServerTLSSettings = {
    mode,
    ...(others.length === 0 ? { credentialName: only } : { credentialNames: certificates.names }),
  };
  const clients = clientValidation(owner, frontend, option, references);
  if ('fault' in clients) return { settings, ...rejection(clients.fault) };
  return { settings: { ...settings, ...clients, ...ciphers(tls) } };
}

const invalidCertificate = 'InvalidCertificateRef';
const notPermitted = 'RefNotPermitted';

/** A certificate that is broken can still be mended behind the listener; one that must not be used is the listener's mistake. */
const rejection = (fault: Fault): Pick<TlsOutcome, 'fault' | 'notAccepted'> => ({
  fault,
  ...(fault.reason !== invalidCertificate && {
    notAccepted: { reason: 'NoValidCACertificate', message: fault.message },
  }),
});

const ciphers = ({ options }: gatewayApi.ListenerTls): Pick<ServerTLSSettings, 'cipherSuites'> => {
  const listed = (options?.[cipherOption] ?? '').split(',').map((one) => one.trim()).filter((one) => one !== ''); // prettier-ignore
  return listed.length === 0 ? {} : { cipherSuites: listed };
};

function serverCertificates(
  owner: Referrer,
  { certificateRefs = [] }: gatewayApi.ListenerTls,
  references: References,
): { readonly names: readonly string[] } | { readonly fault: Fault } {
  if (certificateRefs.length > mostCertificates)
    return { fault: { reason: invalidCertificate, message: `At most ${mostCertificates} certificates are supported` } };
  const found = certificateRefs.map((reference) => certificate(owner, reference, references));
  const names = found.flatMap((one) => ('name' in one ? one.name : []));
  if (names.length > 0) return { names };
  const faults = found.flatMap((one) => ('fault' in one ? one.fault : []));
  const [first = { reason: invalidCertificate, message: 'TLS ends here, and there is no certificate for it' }] = faults;
  return { fault: { reason: first.reason, message: faults.map((one) => one.message).join('; ') || first.message } };
}

type Found = { readonly name: string } | { readonly fault: Fault };

function certificate(
  owner: Referrer,
  reference: gatewayApi.SecretObjectReference,
  { grants, secrets }: References,
): Found {
  const { group, kind, name, namespace = owner.namespace } = reference;
  const fault = (message: string): Found => ({ fault: { reason: invalidCertificate, message } });
  if (!grants(owner, { group: '', kind: 'Secret', namespace, name })) return denied('Secret', namespace, name);
  if (group !== '' || kind !== 'Secret')
    return fault(`A certificate is in a Secret, not in ${kind} ${namespace}/${name}`);
  const secret = secrets.get(objectKey(namespace, name));
  if (secret === undefined) return fault(`There is no Secret ${namespace}/${name}`);
  const problem = secret.keyPairFault();
  return problem === undefined
    ? { name: `kubernetes-gateway://${namespace}/${name}` }
    : fault(`The Secret ${namespace}/${name} cannot be used: ${problem}`);
}

const denied = (kind: string, namespace: string, name: string) => ({
  fault: {
    reason: notPermitted,
    message: `No ReferenceGrant of namespace ${namespace} lets this object use the ${kind} ${name}`,
  },
});

type ClientSettings = Pick<ServerTLSSettings, 'mode' | 'caCertCredentialName' | 'insecureSkipVerify'>;

/** What clients have to show; an option of the listener goes before what the Gateway says. */
function clientValidation(
  owner: Referrer,
  frontend: gatewayApi.FrontendTls | undefined,
  option: string | undefined,
  references: References,
): ClientSettings | { readonly fault: Fault } {
  const { caCertificateRefs = [], mode } = frontend?.validation ?? {};
  const [reference, ...others] = caCertificateRefs;
  if (reference === undefined) return {};
  if (others.length > 0)
    return { fault: { reason: 'InvalidCACertificateRef', message: 'Only one CA certificate is supported' } };
  const authority = certificateAuthority(owner, reference, references);
  if ('fault' in authority) return authority;
  const explicit = option === 'MUTUAL' || option === 'OPTIONAL_MUTUAL' ? option : undefined;
  const insecure = explicit === undefined && mode === 'AllowInsecureFallback';
  return {
    mode: explicit ?? (insecure ? 'OPTIONAL_MUTUAL' : 'MUTUAL'),
    insecureSkipVerify: insecure,
    caCertCredentialName: authority.name,
  };
}

function certificateAuthority(
  owner: Referrer,
  { group, kind, name, namespace = owner.namespace }: gatewayApi.ObjectReference,
  { grants, secrets, configMaps }: References,
): Found {
  if (group !== '' || (kind !== 'Secret' && kind !== 'ConfigMap'))
    return {
      fault: {
        reason: 'InvalidCACertificateKind',
        message: `CA certificates are in ConfigMaps and Secrets, not ${kind}`,
      },
    };
  if (!grants(owner, { group, kind, namespace, name })) return denied(kind, namespace, name);
  const fault = (message: string): Found => ({ fault: { reason: 'InvalidCACertificateRef', message } });
  const object = (kind === 'Secret' ? secrets : configMaps).get(objectKey(namespace, name));
  if (object === undefined) return fault(`There is no ${kind} ${namespace}/${name}`);
  const problem = object.bundleFault();
  if (problem !== undefined) return fault(`The ${kind} ${namespace}/${name} cannot be used: ${problem}`);
  return { name: `${kind === 'Secret' ? 'kubernetes-gateway' : 'configmap'}://${namespace}/${name}-cacert` };
}
