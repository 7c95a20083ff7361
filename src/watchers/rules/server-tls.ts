// TLS of a server: which credentials a mode needs, and which exclude each other.
// https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings
import type { ServerTLSSettings } from '../../model/schema/index.ts';
import type { Drafts } from '../draft.ts';
import type { FieldPath } from '../field-path.ts';
import { isCipherSuite } from '../../model/envoy/cipher-suites.ts';
import { conflict, doubtful, missing, unsupported } from '../draft.ts';

type Field = keyof ServerTLSSettings;

export function* checkServerTls(tls: ServerTLSSettings, path: FieldPath): Drafts {
  yield* checkCiphers(tls, path);
  const { mode = 'PASSTHROUGH' } = tls;
  if (mode === 'ISTIO_MUTUAL') return yield* checkIstioMutual(tls, path);
  if (mode === 'PASSTHROUGH' || mode === 'AUTO_PASSTHROUGH') {
    if (isSet(tls, 'caCrl') || ownCredentials.some((field) => isSet(tls, field)))
      yield doubtful(path, `mode ${mode} ends no TLS here: the certificates are not used`);
  }
  const sources = [
    isSet(tls, 'serverCertificate') && isSet(tls, 'privateKey'),
    ...(['credentialName', 'credentialNames', 'tlsCertificates'] as const).map((field) => isSet(tls, field)),
  ];
  if (sources.filter(Boolean).length > 1 || (isSet(tls, 'credentialName') && isSet(tls, 'credentialNames')))
    yield conflict(
      path,
      'only one of credentialName, credentialNames, serverCertificate with privateKey, and tlsCertificates may be set',
    );
  if (mode === 'SIMPLE' || mode === 'MUTUAL' || mode === 'OPTIONAL_MUTUAL') yield* checkCertificates(tls, path, mode);
}

const ownCredentials = [
  'serverCertificate',
  'privateKey',
  'caCertificates',
  'tlsCertificates',
  'credentialName',
  'credentialNames',
] as const;

function* checkIstioMutual(tls: ServerTLSSettings, path: FieldPath): Drafts {
  for (const field of ownCredentials) {
    if (isSet(tls, field))
      yield conflict([...path, field], `mode ISTIO_MUTUAL uses the mesh's certificates: no ${field}`);
  }
}

function* checkCertificates(tls: ServerTLSSettings, path: FieldPath, mode: string): Drafts {
  const fetched = isSet(tls, 'credentialName') || isSet(tls, 'credentialNames');
  if (fetched) return;
  if (mode !== 'SIMPLE' && !isSet(tls, 'caCertificates'))
    yield missing([...path, 'caCertificates'], `mode ${mode} needs caCertificates or credentialName`);
  const listed = (tls.tlsCertificates ?? []).map((certificate, index) => ({
    certificate,
    at: [...path, 'tlsCertificates', index],
  }));
  for (const { certificate, at } of listed.length > 0 ? listed : [{ certificate: tls, at: path }]) {
    for (const field of ['serverCertificate', 'privateKey'] as const) {
      if (!certificate[field]) yield missing([...at, field], `mode ${mode} needs ${field} or credentialName`);
    }
  }
  if (isSet(tls, 'caCrl') && mode === 'SIMPLE')
    yield unsupported([...path, 'caCrl'], 'mode SIMPLE verifies no clients: no caCrl');
}

function* checkCiphers(
  { cipherSuites = [], minProtocolVersion = 'TLS_AUTO' }: ServerTLSSettings,
  path: FieldPath,
): Drafts {
  if (['TLSV1_0', 'TLSV1_1'].includes(minProtocolVersion) && cipherSuites.length === 0)
    yield doubtful([...path, 'minProtocolVersion'], 'TLS below 1.2 needs cipherSuites of its own');
  const seen = new Set<string>();
  for (const [index, cipher] of cipherSuites.entries()) {
    const at = [...path, 'cipherSuites', index];
    if (!isCipherSuite(cipher)) yield doubtful(at, `"${cipher}" is not known: left out`);
    if (seen.has(cipher)) yield doubtful(at, `"${cipher}" is listed already`);
    seen.add(cipher);
  }
}

function isSet(tls: ServerTLSSettings, field: Field): boolean {
  const value = tls[field];
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}
