// Certificates are no part of what a trace looks at. That the one of a proxy has ended is known as a problem of its Pod: mutual
// TLS with it fails at the handshake, whatever its configuration and its policies would have said.
import type { Problem } from '../model/problem.ts';
import type { SourceRef } from '../model/source.ts';
import type { Hop, TracedBranch } from '../trace/journey.ts';
import type { Ending, Upstream } from '../trace/step.ts';

/** The journey as far as it gets; `problems`: what is wrong with the mesh. */
export function withEndedCertificates(hop: Hop, problems: readonly Problem[]): Hop {
  const ended = problems.filter(({ code }) => code === 'expired-workload-certificate');
  if (ended.length === 0) return hop;
  return { ...hop, branches: hop.branches.map((branch) => withHandshakes(branch, hop.proxy, ended)) };
}

function withHandshakes(branch: TracedBranch, sender: string, ended: readonly Problem[]): TracedBranch {
  if (branch.ending.kind !== 'forwarded') return branch;
  const mutual = branch.ending.endpoints.filter(({ tls }) => tls?.mutual === true);
  const own =
    mutual.length === 0 ? undefined : ended.find(({ source }) => source !== undefined && podOf(source) === sender);
  const refused = mutual.flatMap((endpoint) => {
    const problem = own ?? ended.find(({ message }) => message.includes(`(${endpoint.address})`));
    return problem?.source === undefined ? [] : [{ endpoint, cause: problem.source }];
  });
  if (refused.length === 0) return branch;
  const causes = [...new Set(refused.map(({ cause }) => cause))];
  const { endpoints } = branch.ending;
  const isSure = refused.length === endpoints.length;
  const whose = own === undefined ? `of ${shareOf(refused.length, endpoints)}` : 'that this proxy shows';
  const outcome = `the certificate ${whose} has ended: ${isSure ? 'the handshake fails' : 'handshakes with it fail'}`;
  const steps = [...branch.steps, { decision: 'tls' as const, outcome, causes }];
  return isSure ? { ...branch, steps, ending: endOf(branch), next: [] } : { ...branch, steps };
}

const podOf = ({ namespace, name }: SourceRef): string => `${name}.${namespace}`;

const shareOf = (refused: number, endpoints: readonly Upstream[]): string =>
  endpoints.length === 1 ? 'the endpoint' : `${refused} of ${endpoints.length} endpoints`;

const details = 'certificate has expired';

const endOf = ({ sent }: TracedBranch): Ending =>
  sent === undefined
    ? { kind: 'closed', flags: 'UF', details }
    : { kind: 'response', status: 503, flags: 'UF', details };
