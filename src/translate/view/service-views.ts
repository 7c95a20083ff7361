// Services as a namespace sees them: each with the policies and limits that are in force for it there. Namespaces for which
// nothing particular is in force have one list, and after a change only the services are joined anew that it is about.
import { inLine, memo, memoTriples, sharedList } from '../../model/memo.ts';
import type { DestinationPolicy, MeshSettings, Service } from '../../model/mesh/mesh.ts';
import { serviceKey } from '../../model/mesh/mesh.ts';
import type { LoadLimit } from '../../model/mesh/workload-policies.ts';
import { memoAligned } from '../../model/patched-map.ts';
import type { ServiceView } from '../../model/view.ts';
import { indexPolicies, particularHosts, policyFor } from '../resolve/destination-policy.ts';
import { isWildcard } from '../resolve/host.ts';
import type { ServiceLimit } from '../resolve/load-limit.ts';
import { limitsOfService } from '../resolve/load-limit.ts';
import type { ServiceFacts } from '../resolve/service-facts.ts';

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
    const own = particularViews(all, seen, common, namespace, labels);
    return own.length === 0 ? common : withParticular(common, sharedList(own), namespace, labels);
  },
);

/** For callers to whom nothing particular applies. */
const commonViews = memo((all: InForce, seen: readonly Service[], line: string): readonly ServiceView[] => {
  const said = seen.flatMap((service) => {
    const policy = policyFor(all.policies, service, undefined, nobody, all.rootNamespace);
    const limits = limitsOfService(all.limits, service);
    return policy === undefined && limits.length === 0 ? none : [service, settled(policy, limits)];
  });
  return joined(seen, factsOf(seen, all.facts), sharedList<Service | Settled>(said), line);
});

const nobody: Labels = {};

/** Those in the place of which callers of the namespace have another. */
function particularViews(
  { policies, rootNamespace, facts: factsByService }: InForce,
  seen: readonly Service[],
  common: readonly ServiceView[],
  namespace: string,
  labels: Labels,
): readonly ServiceView[] {
  const hosts = particularHosts(policies, namespace);
  if (hosts === undefined) return none;
  const [facts, byHost] = [factsOf(seen, factsByService), positionsByHost(seen)];
  const positions = hosts.some(isWildcard) ? common.keys() : new Set(hosts.flatMap((host) => byHost.get(host) ?? []));
  return [...positions].flatMap((i) => {
    const view = common[i] as ServiceView;
    const policy = policyFor(policies, view.service, namespace, labels, rootNamespace);
    return policy === view.policy ? none : serviceView(view.service, facts[i] ?? noFacts, policy, view.limits);
  });
}

const positionsByHost = memo((services: readonly Service[]) =>
  Map.groupBy(services.keys(), (i) => services[i]?.hostname ?? ''),
);

const withParticular = memo(
  (
    common: readonly ServiceView[],
    own: readonly ServiceView[],
    namespace: string,
    labels: Labels,
  ): readonly ServiceView[] => {
    const byService = new Map(own.map((view) => [view.service, view]));
    const views = common.map((view) => byService.get(view.service) ?? view);
    return inLine(views, common, namespace, labels);
  },
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

const none: readonly [] = [];
const factsOf = memoAligned(serviceKey);

const noFacts: ServiceFacts = { subjectAltNames: [], autoMtls: false, instanceAddresses: [] };

/** `inForce` has the services of which something is said, each before that: where it is the same, so is the list. */
const joined = memo(
  (
    seen: readonly Service[],
    facts: readonly (ServiceFacts | undefined)[],
    inForce: readonly (Service | Settled)[],
    line: string,
  ): readonly ServiceView[] => {
    const said = new Map<object, Settled>();
    for (let i = 0; i < inForce.length; i += 2) said.set(inForce[i] as Service, inForce[i + 1] as Settled);
    return serviceViews(
      line,
      seen,
      facts,
      seen.map((service) => said.get(service) ?? nothingSettled),
    );
  },
);

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
