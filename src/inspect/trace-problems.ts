// Why a traced request does not do what was meant, in words that name an object, its field and what would be right: what is
// known to be wrong with anything that the request met, and what its end says by itself.
import type { Problem } from '../model/problem.ts';
import { distinct } from '../model/problem.ts';
import type { SourceRef } from '../model/source.ts';
import { describeSource } from '../model/source.ts';
import type { Hop, TracedBranch } from '../trace/journey.ts';
import type { Step } from '../trace/step.ts';
import type { MeshReader } from './mesh-reader.ts';

/** `host` is the one that was asked for, with its port; undefined where no name counts. */
export async function traceProblems(
  mesh: Pick<MeshReader, 'problems' | 'conflicts' | 'hostProblems'>,
  hop: Hop,
  host: string | undefined,
): Promise<readonly Problem[]> {
  const visits = visitsOf(hop);
  const ends = visits.flatMap(({ branch, proxy }) => endProblems(branch, proxy));
  const unknown = host === undefined ? [] : await mesh.hostProblems(hop.proxy, host);
  const seen = await Promise.all([...new Set(visits.map(({ proxy }) => proxy))].map((proxy) => mesh.conflicts(proxy)));
  const met = metBy(visits.flatMap(({ branch }) => branch));
  const known = [...mesh.problems, ...seen.flat()].filter((problem) => met(problem));
  return distinct([...ends, ...unknown, ...known]);
}

interface Visit {
  readonly proxy: string;
  readonly branch: TracedBranch;
}

const visitsOf = ({ proxy, branches }: Hop): readonly Visit[] =>
  branches.flatMap((branch) => [{ proxy, branch }, ...branch.next.flatMap(visitsOf)]);

const keyOf = ({ kind, namespace, name }: SourceRef): string => `${kind}/${namespace}/${name}`;

/** Whether a problem is about an object behind some decision, or names the host of a cluster that was chosen. */
function metBy(branches: readonly TracedBranch[]): (problem: Problem) => boolean {
  const objects = new Set(branches.flatMap(({ steps }) => steps.flatMap(({ causes }) => causes.map(keyOf))));
  const hosts = new Set(branches.flatMap(({ cluster }) => hostOf(cluster) ?? []));
  return ({ source, message }) =>
    (source !== undefined && objects.has(keyOf(source))) || [...hosts].some((host) => message.includes(host));
}

/** `outbound|80|v1|store.shop.svc.cluster.local` */
function hostOf(cluster: string): string | undefined {
  const host = cluster.split('|')[3];
  return host === undefined || host === '' ? undefined : host;
}

/** What follows from the end of a branch alone. */
function endProblems({ ending, steps, cluster, sent }: TracedBranch, proxy: string): readonly Problem[] {
  if ('details' in ending && ending.details === 'rbac_access_denied') return [denied(steps, proxy)];
  const last = steps.at(-1);
  if (ending.kind === 'closed' && ending.flags === 'NR' && last !== undefined) return plaintext(last, proxy);
  const host = hostOf(cluster);
  if (ending.kind !== 'forwarded' && 'flags' in ending && ending.flags === 'UH' && host !== undefined)
    return [withoutEndpoints(host, sent?.host ?? host)];
  return [];
}

function denied(steps: readonly Step[], proxy: string): Problem {
  const last = steps.findLast(({ decision }) => decision === 'authorization');
  const policies = (last?.causes ?? []).filter(({ kind }) => kind === 'AuthorizationPolicy');
  const [policy] = policies;
  const isDenial = last?.outcome.includes(' matches') === true && !last.outcome.includes('no ALLOW');
  const who = steps.find(({ decision, outcome }) => decision === 'tls' && outcome.includes('the client is'));
  const client = /the client is (\S+)/.exec(who?.outcome ?? '')?.[1]?.replace('spiffe://', '');
  const asks = client === undefined ? 'a client that shows no certificate' : client;
  const names = policies.map(describeSource).join(', ');
  const isWithoutRules = !isDenial && !steps.some(({ outcome }) => outcome.startsWith('ALLOW ns['));
  if (isWithoutRules && policy !== undefined)
    return {
      code: 'denied-by-policy',
      severity: 'warning',
      message: `lets nothing pass at ${proxy}: none of its rules counts there, because what a rule says of HTTP matches no plain bytes, and a policy without rules allows nobody; write a rule that says nothing of HTTP`,
      source: policy,
    };
  return {
    code: 'denied-by-policy',
    severity: 'warning',
    message: isDenial
      ? `denies the request of ${asks} at ${proxy}: change this rule if the request is meant to pass`
      : `lets only pass at ${proxy} what a rule matches, and none matches the request of ${asks}${policies.length > 1 ? ` (looked at: ${names})` : ''}: add ${client === undefined ? 'a rule for it' : `"${client}" to the principals of a rule`}`,
    ...(policy !== undefined && { source: isDenial ? policy : rulesOf(policy) }),
  };
}

const rulesOf = ({ kind, namespace, name }: SourceRef): SourceRef => ({ kind, namespace, name, path: 'spec.rules' });

/** No chain takes it: where PeerAuthentications decide, it is because it comes without mutual TLS. */
function plaintext({ causes }: Step, proxy: string): readonly Problem[] {
  const policies = causes.filter(({ kind }) => kind === 'PeerAuthentication');
  return policies.map((source) => ({
    code: 'plaintext-refused',
    severity: 'warning',
    message: `takes mutual TLS only (STRICT) at ${proxy}, and the request comes without it: have its sender use mutual TLS, or write PERMISSIVE`,
    source,
  }));
}

function withoutEndpoints(host: string, asked: string): Problem {
  const [name = '', namespace = '', kind] = host.split('.');
  return {
    code: 'no-endpoints',
    severity: 'warning',
    message: `no endpoint of ${asked} is ready: see that its selector names labels of Pods that there are, and that they are ready`,
    ...(kind === 'svc' && { source: { kind: 'Service', namespace, name, path: 'spec.selector' } }),
  };
}
