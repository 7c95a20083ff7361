// The WorkloadEntry of a machine that has connected: made of its group's template and of what the machine says of itself.
// https://istio.io/latest/docs/setup/install/virtual-machine/
import type { KubernetesObject } from '../../kubernetes/resource.ts';
import type { KindMap } from '../../model/schema/index.ts';

export const annotations = {
  group: 'istio.io/autoRegistrationGroup',
  /** The replica that it is connected to. */
  controller: 'istio.io/workloadController',
  connectedAt: 'istio.io/connectedAt',
  disconnectedAt: 'istio.io/disconnectedAt',
  checked: 'proxy.istio.io/health-checks-enabled',
} as const;

/** As it says itself. */
export interface Machine {
  readonly namespace: string;
  readonly group: string;
  readonly address: string;
  readonly network: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `region/zone/subzone`; '' if it does not say. */
  readonly locality: string;
  /** Somebody tells of the health of what runs on it. */
  readonly isChecked: boolean;
}

const longestName = 253;

/** The same for a machine whenever it comes. */
export function entryName({ group, address, network }: Machine): string {
  const name = [group, address.replaceAll(':', '-'), ...(network === '' ? [] : [network])].join('-');
  return name.length <= longestName ? name : name.slice(-longestName);
}

/** Labels of the machine count before the group's, and these before its template's. */
export function workloadEntry(
  machine: Machine,
  { metadata, spec }: KindMap['WorkloadGroup'],
  presence: Readonly<Record<string, string>>,
): KubernetesObject {
  const { network, locality } = machine;
  const labels = { ...spec.template.labels, ...spec.metadata?.labels, ...machine.labels };
  const owner = { apiVersion: 'networking.istio.io/v1', kind: 'WorkloadGroup', name: metadata.name, controller: true };
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: {
      name: entryName(machine),
      namespace: machine.namespace,
      labels,
      annotations: {
        ...spec.metadata?.annotations,
        [annotations.group]: metadata.name,
        ...(machine.isChecked && { [annotations.checked]: 'true' }),
        ...presence,
      },
      ...(metadata.uid !== undefined && { ownerReferences: [{ ...owner, uid: metadata.uid }] }),
    },
    spec: {
      ...spec.template,
      address: machine.address,
      labels,
      ...(network !== '' && { network }),
      ...(locality !== '' && { locality }),
    },
  };
}
