// Services as a namespace sees them: each with the policies and limits that are in force for it there. What is said of no
// service is the same list for all namespaces, and after a change only the services are joined anew that it is about.
import { memo, memoTriples, sharedList } from '../../model/memo.ts';
import type { DestinationPolicy, MeshSettings, Service } from '../../model/mesh/mesh.ts';
import { serviceKey } from '../../model/mesh/mesh.ts';
import type { LoadLimit } from '../../model/mesh/workload-policies.ts';
import { memoAligned } from '../../model/patched-map.ts';
import type { ServiceView } from '../../model/view.ts';
import { indexPolicies, policyFor } from '../resolve/destination-policy.ts';
import type { ServiceLimit } from '../resolve/load-limit.ts';
import { limitsOfService } from '../resolve/load-limit.ts';
import type { ServiceFacts } from '../resolve/service-facts.ts';

type Labels = Readonly<Record<string, string>>;

/** What decides what is in force for a service as a namespace sees it. */
export interface Viewer {
  readonly known: ReadonlyMap<string, ServiceFacts>;
  readonly policies: ReturnType<typeof indexPolicies>;
  readonly limits: readonly ServiceLimit[];
  readonly namespace: string;
  readonly labels: Labels;
  readonly rootNamespace: string;
}

export const viewerOf = memo(
  (
    { rootNamespace }: MeshSettings,
    services: readonly Service[],
    facts: readonly ServiceFacts[],
    policies: readonly DestinationPolicy[],
    limits: readonly ServiceLimit[],
    namespace: string,
    labels: Labels,
  ): Viewer => ({
    known: factsByKey(services, facts),
    policies: indexPolicies(policies),
    limits,
    namespace,
    labels,
    rootNamespace,
  }),
);

/** Joins services with the policies in force for a namespace. Equal lists give the very same list. */
export const inForceFor = memo((viewer: Viewer, seen: readonly Service[]): readonly ServiceView[] => {
  const { known, policies, limits, namespace, labels, rootNamespace } = viewer;
  const inForce = seen.flatMap((service) => {
    const policy = policyFor(policies, service, namespace, labels, rootNamespace);
    const own = limitsOfService(limits, service);
    return policy === undefined && own.length === 0 ? none : [service, settled(policy, own)];
  });
  return joined(seen, factsOf(seen, known), sharedList<Service | Settled>(inForce));
});

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
  ): readonly ServiceView[] => {
    const said = new Map<object, Settled>();
    for (let i = 0; i < inForce.length; i += 2) said.set(inForce[i] as Service, inForce[i + 1] as Settled);
    return serviceViews(
      seen,
      facts,
      seen.map((service) => said.get(service) ?? nothingSettled),
    );
  },
);

const serviceViews = memoTriples(
  (service: Service, facts: ServiceFacts | undefined, { policy, limits }: Settled): ServiceView =>
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
