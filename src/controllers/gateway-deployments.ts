// What is deployed for Gateways, kept as it is planned: applied when a plan changes, and again when somebody deletes or
// changes it. It goes with its Gateway, which owns it.
// https://gateway-api.sigs.k8s.io/reference/spec/#gatewayinfrastructure
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { KubernetesObject, ResourceType } from '../kubernetes/resource.ts';
import type { Reconciler } from './reconciler.ts';
import { isApiError, isNotFound } from '../kubernetes/api-error.ts';
import { reflect } from '../kubernetes/reflector.ts';
import { reconciler } from './reconciler.ts';
import { budgets, autoscalers, deployments, fieldManager, serviceAccounts, services } from './resources.ts';

export interface GatewayDeploymentsOptions {
  readonly client: Pick<KubernetesClient, 'list' | 'watch' | 'patch'>;
  readonly signal: AbortSignal;
  readonly onFault: (gateway: string, error: unknown) => void;
}

/** The objects of one Gateway; the same value as long as they are the same. */
export interface Deployed {
  /** `namespace/name` of the Gateway. */
  readonly gateway: string;
  readonly objects: readonly KubernetesObject[];
}

export interface GatewayDeployments {
  /** To be called when the plans may have changed. */
  update(planned: readonly Deployed[]): void;
}

const resources: Readonly<Record<string, ResourceType>> = {
  ServiceAccount: serviceAccounts,
  Deployment: deployments,
  Service: services,
  HorizontalPodAutoscaler: autoscalers,
  PodDisruptionBudget: budgets,
};

/** Until `signal` aborts. For one replica at a time. */
export function maintainGatewayDeployments(options: GatewayDeploymentsOptions): GatewayDeployments {
  const { client, signal, onFault } = options;
  let plans: ReadonlyMap<string, Deployed> = new Map();
  const work = reconciler({
    reconcile: async (gateway) => {
      for (const object of plans.get(gateway)?.objects ?? []) await apply(client, object, signal);
    },
    signal,
    onFault,
  });
  for (const resource of [deployments, services, serviceAccounts]) follow(options, resource, work);
  return {
    update(planned) {
      const before = plans;
      plans = new Map(planned.map((one) => [one.gateway, one]));
      work.add([...plans].filter(([gateway, one]) => before.get(gateway) !== one).map(([gateway]) => gateway));
    },
  };
}

async function apply(
  client: GatewayDeploymentsOptions['client'],
  object: KubernetesObject,
  signal: AbortSignal,
): Promise<void> {
  const resource = resources[object.kind ?? ''];
  const { name = '', namespace = '' } = object.metadata;
  if (resource === undefined) return;
  await client
    .patch(resource, { name, namespace }, object, { type: 'apply', fieldManager, force: true, signal })
    .catch((error: unknown) => {
      if (!isGone(error)) throw error;
    });
}

/** With its namespace, which is going or gone. */
const isGone = (error: unknown): boolean =>
  isNotFound(error) || (isApiError(error) && error.status === 403 && error.message.includes('being terminated'));

const managedLabel = 'gateway.istio.io/managed';
const gatewayLabel = 'gateway.networking.k8s.io/gateway-name';

interface Seen {
  readonly gateway: string;
  /** Another one whenever somebody wants something else of the object; its status changes all the time. */
  readonly generation: number;
}

function follow({ client, signal }: GatewayDeploymentsOptions, resource: ResourceType, work: Reconciler): void {
  let known = new Map<string, Seen>();
  void reflect<Seen>({
    client,
    resource,
    selection: { labelSelector: managedLabel },
    metadataOnly: true,
    read: ({ metadata }) => ({
      gateway: `${metadata.namespace ?? ''}/${metadata.labels?.[gatewayLabel] ?? ''}`,
      generation: metadata.generation ?? 0,
    }),
    replace: (objects) => {
      const gone = [...known.values()];
      known = new Map(objects);
      work.add([...gone, ...known.values()].map(({ gateway }) => gateway));
    },
    change: (changes) => {
      for (const { key, value } of changes) {
        const before = known.get(key);
        if (value === undefined) known.delete(key);
        else known.set(key, value);
        if (before !== undefined && before.generation !== value?.generation) work.add([before.gateway]);
      }
    },
    signal,
  });
}
