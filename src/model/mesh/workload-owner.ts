// The workload that a Pod belongs to, found through its controller: the Deployment behind a ReplicaSet, the CronJob behind
// a Job.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/

interface PodMetadata {
  readonly name?: string;
  readonly generateName?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly controller?: boolean;
  }[];
}

export interface WorkloadOwner {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
}

/** The Pod itself where no controller made it. */
export function workloadOwner({ name, generateName, labels = {}, ownerReferences }: PodMetadata): WorkloadOwner {
  const owner = ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined || generateName === undefined)
    return { apiVersion: 'v1', kind: 'Pod', name: name || (generateName ?? '').replace(/-$/, '') };
  const { apiVersion, kind } = owner;
  if (kind === 'ReplicaSet') {
    const deployment = withoutHash(owner.name, labels['pod-template-hash']);
    if (deployment !== undefined) return { apiVersion, kind: 'Deployment', name: deployment };
    const rollout = withoutHash(owner.name, labels['rollouts-pod-template-hash']);
    if (rollout !== undefined) return { apiVersion: 'v1alpha1', kind: 'Rollout', name: rollout };
  }
  if (kind === 'Job') {
    const cronJob = /^(.+)-\d{8,10}$/.exec(owner.name)?.[1];
    if (cronJob !== undefined) return { apiVersion, kind: 'CronJob', name: cronJob };
  }
  const deploymentConfig = labels['deploymentconfig'];
  if (kind === 'ReplicationController' && deploymentConfig !== undefined && owner.name.startsWith(deploymentConfig))
    return { apiVersion, kind: 'DeploymentConfig', name: deploymentConfig };
  return { apiVersion, kind, name: owner.name };
}

/** The name of a Pod's workload for metrics and tracing: what its label says, else its owner's. */
export const workloadName = (metadata: PodMetadata): string =>
  metadata.labels?.['service.istio.io/workload-name'] ?? workloadOwner(metadata).name;

const withoutHash = (name: string, hash: string | undefined): string | undefined =>
  hash !== undefined && hash !== '' && name.endsWith(`-${hash}`) ? name.slice(0, -hash.length - 1) : undefined;
