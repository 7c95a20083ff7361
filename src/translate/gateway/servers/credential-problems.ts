// Certificates that servers name and that cannot be served: the Secret is not there, or does not hold what is asked of it.
// Gateway API has statuses for its own.
// https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings
import type { Problem } from '../../../model/problem.ts';
import type { ServerTLSSettings, Validity } from '../../../model/schema/index.ts';
import type { SnapshotObjects } from '../../../model/snapshot.ts';
import type { SourceRef } from '../../../model/source.ts';
import { at } from '../../../model/source.ts';
import type { MergedServer, MergedServers } from './merged-servers.ts';
import { isPassthrough, isTlsServer } from './merged-servers.ts';

type Secrets = SnapshotObjects['Secret'];

/** A warning for each field; `namespace` is the router's own, where its Secrets are. */
export function credentialProblems(
  { sockets }: MergedServers,
  namespace: string,
  secrets: Secrets,
): readonly Problem[] {
  const servers = new Set(sockets.flatMap(({ groups }) => groups.flat()));
  return [...servers].filter(takesCredentials).flatMap((server) =>
    questions(server.server.tls ?? {}).flatMap((question) => {
      const fault = question.kind === 'key-pair' ? keyPairFault(question.name, namespace, secrets) : authoritiesFault(question.name, namespace, secrets); // prettier-ignore
      return fault === undefined ? [] : problem(server, question, fault);
    }),
  );
}

/** A certificate that a server shows. */
export interface ServedCertificate {
  /** The field that names it. */
  readonly source: SourceRef;
  /** The Secret that has it. */
  readonly secret: SourceRef;
  readonly validity: Validity;
}

/** Those of the router's servers that can be served. */
export function servedCertificates(
  { sockets }: MergedServers,
  namespace: string,
  secrets: Secrets,
): readonly ServedCertificate[] {
  const servers = new Set(sockets.flatMap(({ groups }) => groups.flat()));
  return [...servers].filter(takesCredentials).flatMap(({ source, server }) =>
    questions(server.tls ?? {}).flatMap(({ kind, name, field }): readonly ServedCertificate[] => {
      const found = kind === 'key-pair' ? lookUp(name, namespace, secrets) : undefined;
      if (found === undefined || typeof found === 'string' || found.keyPairFault() !== undefined) return [];
      const validity = found.keyPairValidity();
      return validity === undefined ? [] : [{ source: at(source, `tls.${field}`), secret: found.source, validity }];
    }),
  );
}

const takesCredentials = (server: MergedServer): boolean =>
  isTlsServer(server) && !isPassthrough(server.server) && server.server.tls?.mode !== 'ISTIO_MUTUAL';

interface Question {
  readonly kind: 'key-pair' | 'authorities';
  readonly name: string;
  readonly field: string;
}

function questions(tls: ServerTLSSettings): readonly Question[] {
  const { credentialName = '', credentialNames = [], caCertCredentialName = '', mode } = tls;
  const names = credentialNames.map((name, i) => ({ name, field: `credentialNames[${i}]` }));
  const pairs = names.length > 0 ? names : credentialName === '' ? [] : [{ name: credentialName, field: 'credentialName' }]; // prettier-ignore
  const [first] = pairs;
  const checksClients = first !== undefined && (mode === 'MUTUAL' || mode === 'OPTIONAL_MUTUAL');
  const authorities =
    caCertCredentialName === ''
      ? { name: `${first?.name ?? ''}${authoritiesEnding}`, field: first?.field ?? '' }
      : { name: caCertCredentialName, field: 'caCertCredentialName' };
  return [
    ...pairs.map((pair) => ({ ...pair, kind: 'key-pair' as const })),
    ...(checksClients ? [{ ...authorities, kind: 'authorities' as const }] : []),
  ].flatMap((question) => {
    const name = localName(question.name);
    return name === undefined ? [] : { ...question, name };
  });
}

const ownScheme = 'kubernetes://';
const authoritiesEnding = '-cacert';

/** Undefined for what is looked up elsewhere than among Secrets. */
const localName = (name: string): string | undefined =>
  name.startsWith(ownScheme) ? name.slice(ownScheme.length) : name.includes('://') ? undefined : name;

function keyPairFault(name: string, namespace: string, secrets: Secrets): string | undefined {
  const found = lookUp(name, namespace, secrets);
  if (typeof found === 'string') return found;
  const fault = found?.keyPairFault();
  if (found === undefined)
    return `there is no Secret ${name} in the namespace of the gateway's Pods, ${namespace}: create it there, of type kubernetes.io/tls`;
  return fault === undefined ? undefined : `the Secret ${namespace}/${name} cannot be used: ${fault}`;
}

/** They have a Secret of their own, or stand beside the certificate. */
function authoritiesFault(name: string, namespace: string, secrets: Secrets): string | undefined {
  if (!name.endsWith(authoritiesEnding))
    return `the name of a Secret with CA certificates has to end in ${authoritiesEnding}: rename ${name} to ${name}${authoritiesEnding}`;
  const beside = name.slice(0, -authoritiesEnding.length);
  const own = lookUp(name, namespace, secrets);
  if (typeof own === 'string') return own;
  const found = own ?? lookUp(beside, namespace, secrets);
  if (typeof found === 'string') return found;
  if (found === undefined)
    return `clients cannot be checked: there is neither a Secret ${name} nor ${beside} in ${namespace}, with CA certificates in ca.crt`;
  const fault = found.bundleFault();
  return fault === undefined
    ? undefined
    : `clients cannot be checked: the Secret ${namespace}/${found.metadata.name} cannot be used: ${fault}`;
}

function lookUp(name: string, namespace: string, secrets: Secrets) {
  const slash = name.indexOf('/');
  if (slash >= 0 && name.slice(0, slash) !== namespace)
    return `the Secret ${name} is not in the namespace of the gateway's Pods, ${namespace}, and no other is looked into`;
  return secrets.get(`${namespace}/${name.slice(slash + 1)}`);
}

const problem = ({ source }: MergedServer, { field }: Question, fault: string): Problem => ({
  code: 'unusable-credential',
  severity: 'warning',
  message: `Connections for the hosts of this server are refused, because ${fault}.`,
  source: at(source, `tls.${field}`),
});
