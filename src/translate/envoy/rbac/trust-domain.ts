// Trust domains in principals: who is written with one of the mesh's names is meant under all of them.
// https://istio.io/latest/docs/tasks/security/authorization/authz-td-migration/
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import { compareText } from '../../resolve/order.ts';

/** The mesh's own name first, then its aliases. */
export const trustDomains = ({ trustDomain, trustDomainAliases }: MeshSettings): readonly string[] => [
  ...new Set([trustDomain, ...(trustDomainAliases ?? []).toSorted(compareText)]),
];

/** Each principal, or the same one of every trust domain of the mesh where its own is one of them. */
export const withAliases = (principals: readonly string[], domains: readonly string[]): readonly string[] =>
  principals.flatMap((principal) => aliasesOf(principal, domains));

/** `cluster.local` stands for the mesh's own trust domain, whatever that is. */
function aliasesOf(principal: string, domains: readonly string[]): readonly string[] {
  const [domain = '', ...path] = principal.split('/');
  const isIdentity = path.length === 4 && domain !== '*';
  if (!isIdentity || !(domain === 'cluster.local' || domains.some((known) => matches(domain, known))))
    return [principal];
  const all = domains.map((known) =>
    domain.startsWith('*') && matches(domain, known) ? principal : [known, ...path].join('/'),
  );
  return [...new Set(all)];
}

function matches(pattern: string, domain: string): boolean {
  if (pattern.startsWith('*')) return domain.endsWith(pattern.slice(1));
  return pattern.endsWith('*') ? domain.startsWith(pattern.slice(0, -1)) : domain === pattern;
}
