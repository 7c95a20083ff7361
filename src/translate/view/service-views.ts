// Services as a namespace sees them: each with the policies and limits that are in force for it there. Namespaces for which
// nothing particular is in force have one list, and after a change only the services are joined anew that it is about.
import { memo, memoTriples, sharedList, sharedValue, withOthers } from '../../model/memo.ts';
import type { DestinationPolicy, MeshSettings, Service } from '../../model/mesh/mesh.ts';
import { serviceKey } from '../../model/mesh/mesh.ts';
import type { LoadLimit } from '../../model/mesh/workload-policies.ts';
import { memoAligned } from '../../model/patched-map.ts';
import type { ServiceView } from '../../model/view.ts';
import { indexPolicies, particularHosts, policyFor, policyHosts } from '../resolve/routing/destination-policy.ts';
import { isWildcard } from '../resolve/routing/host.ts';
import type { ServiceLimit } from '../resolve/limits/load-limit.ts';
import { limitsOfService } from '../resolve/limits/load-limit.ts';
import type { ServiceFacts } from '../resolve/services/service-facts.ts';

type Labels = Readonly<Record<string, string>>;

/** What decides what is in force for a service, whoever calls. */
export interface InForce {
  readonly facts: ReadonlyMap<string, ServiceFacts>;
  readonly policies: ReturnType<typeof indexPolicies>;
  readonly limits: readonly ServiceLimit[];
  readonly rootNamespace: string;
}

export const inForce = memo(
  (
    { rootNamespace }: MeshSettings,
    services: readonly Service[],
    facts: readonly ServiceFacts[],
    policies: readonly DestinationPolicy[],
    limits: readonly ServiceLimit[],
  ): InForce => ({ facts: factsByKey(services, facts), policies: indexPolicies(policies), limits, rootNamespace }),
);

/**
 * Joins services with what is in force for callers of a namespace with these labels. Equal lists give the very same list, and so
 * do namespaces for which nothing particular is in force. `line` names whose services these are.
 */
export const viewsFor = memo(
  (all: InForce, seen: readonly Service[], line: string, namespace: string, labels: Labels): readonly ServiceView[] => {
    const common = commonViews(all, seen, line);
    const { positions, views } = particularViews(all, seen, common, namespace, labels);
    return withOthers(common, sharedValue(positions), sharedList(views), namespace, labels);
  },
);

/** For callers to whom nothing particular applies. */
const commonViews = memo((all: InForce, seen: readonly Service[], line: string): readonly ServiceView[] => {
  const settledAt = seen.map(() => nothingSettled);
  for (const i of saidAbout(all, seen)) {
    const service = seen[i] as Service;
    const policy = policyFor(all.policies, service, undefined, nobody, all.rootNamespace);
    const limits = limitsOfService(all.limits, service);
    if (policy !== undefined || limits.length > 0) settledAt[i] = settled(policy, limits);
  }
  return serviceViews(line, seen, factsOf(seen, all.facts), settledAt);
});

/** Where the services are of which something may be said. */
const saidAbout = ({ policies, limits }: InForce, seen: readonly Service[]): Iterable<number> =>
  limits.length > 0 ? seen.keys() : positionsNamed(seen, policyHosts(policies));

/** Most services are named by nobody. */
function positionsNamed(seen: readonly Service[], hosts: readonly string[]): Iterable<number> {
  if (hosts.length === 0) return [];
  if (hosts.some(isWildcard)) return seen.keys();
  const byHost = positionsByHost(seen);
  return new Set(hosts.flatMap((host) => byHost.get(host) ?? []));
}

const nobody: Labels = {};

/** Those in the place of which callers of the namespace have another. */
function particularViews(
  { policies, rootNamespace, facts: factsByService }: InForce,
  seen: readonly Service[],
  common: readonly ServiceView[],
  namespace: string,
  labels: Labels,
): { readonly positions: readonly number[]; readonly views: readonly ServiceView[] } {
  const [positions, views]: [number[], ServiceView[]] = [[], []];
  const facts = factsOf(seen, factsByService);
  for (const i of positionsNamed(seen, particularHosts(policies, namespace))) {
    const view = common[i] as ServiceView;
    const policy = policyFor(policies, view.service, namespace, labels, rootNamespace);
    if (policy === view.policy) continue;
    positions.push(i);
    views.push(serviceView(view.service, facts[i] ?? noFacts, policy, view.limits));
  }
  return { positions, views };
}

const positionsByHost = memo((services: readonly Service[]) =>
  Map.groupBy(services.keys(), (i) => services[i]?.hostname ?? ''),
);

/** What namespaces say of a service. */
interface Settled {
  readonly policy: DestinationPolicy | undefined;
  readonly limits: readonly LoadLimit[];
}

const settled = memo((policy: DestinationPolicy | undefined, limits: readonly LoadLimit[]): Settled => ({
  policy,
  limits,
}));
const nothingSettled = settled(undefined, sharedList<LoadLimit>([]));

const factsByKey = memo(
  (services: readonly Service[], facts: readonly ServiceFacts[]): ReadonlyMap<string, ServiceFacts> =>
    new Map(services.map((service, i) => [serviceKey(service), facts[i] ?? noFacts])),
);

const factsOf = memoAligned(serviceKey);

const noFacts: ServiceFacts = { subjectAltNames: [], autoMtls: false, instanceAddresses: [] };

const serviceViews = memoTriples(
  (_line: string, service: Service, facts: ServiceFacts | undefined, { policy, limits }: Settled): ServiceView =>
    serviceView(service, facts ?? noFacts, policy, limits),
);

const serviceView = memo(
  (
    service: Service,
    facts: ServiceFacts,
    policy: DestinationPolicy | undefined,
    limits: readonly LoadLimit[],
  ): ServiceView => ({ service, policy, limits, ...facts }),
);
