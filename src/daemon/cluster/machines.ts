// Machines outside Kubernetes that register themselves: proxies whose node names a WorkloadGroup, as which they have proven who
// they are.
// https://istio.io/latest/docs/reference/config/networking/workload-group/
import { replicaName } from '../../config.ts';
import type { Registration } from '../../controllers/machines/machine-registry.ts';
import { MachineRegistry } from '../../controllers/machines/machine-registry.ts';
import { removeOrphans } from '../../controllers/machines/orphans.ts';
import type { Machine } from '../../controllers/machines/workload-entry.ts';
import { entryName, workloadEntry } from '../../controllers/machines/workload-entry.ts';
import type { KubernetesClient } from '../../kubernetes/client.ts';
import { servedResource } from '../../kubernetes/discovery.ts';
import type { DaemonOptions } from '../options.ts';
import type { LiveMesh } from '../mesh/live-mesh.ts';
import type { NodeInfo } from '../../model/envoy/resource.ts';
import { objectKey } from '../../model/object.ts';
import type { KindMap } from '../../model/schema/index.ts';
import { proxyNamespace } from '../../model/proxy/proxy-status.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { kindTable } from '../../watchers/kinds.ts';
import type { Log } from '../../xds/log.ts';
import { HealthService } from '../../xds/health/health-service.ts';
import type { WorkloadProbe } from '../../xds/health/health-service.ts';
import { isProbed, workloadProbe } from '../../xds/health/workload-probe.ts';
import type { Presence } from '../../xds/presence.ts';
import type { Authenticate } from '../../xds/server.ts';
import type { StreamClient } from '../../xds/status.ts';

export interface MachinesOptions {
  readonly client: KubernetesClient;
  readonly snapshot: () => Snapshot;
  readonly authenticate: Authenticate;
  /** This replica. */
  readonly replica: string;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly graceMs?: number;
}

/** Undefined for a daemon that reads a directory: there is nowhere to register. */
export const clusterMachines = (
  { config, log, replica = replicaName() }: DaemonOptions,
  mesh: Pick<LiveMesh, 'snapshot'>,
  authenticate: Authenticate,
  signal: AbortSignal,
): Machines | undefined =>
  typeof config === 'string'
    ? undefined
    : new Machines({ client: config, snapshot: () => mesh.snapshot, authenticate, replica, log, signal });

export class Machines implements Presence {
  /** Where stock Envoys tell of the health of what runs beside them. */
  readonly service: HealthService;
  readonly #options: MachinesOptions;
  readonly #registry: MachineRegistry;

  constructor(options: MachinesOptions) {
    const { client, replica, signal, log, authenticate } = options;
    this.#options = options;
    this.service = new HealthService({
      authenticate,
      probe: (node) => this.#probe(node),
      onHealth: (machine, fault) => this.health(machine, fault),
      log,
    });
    this.#registry = new MachineRegistry({
      client,
      resource: kindTable.WorkloadEntry,
      controller: replica,
      signal,
      onFault: (entry, error) => log.warn('a machine is not registered', { entry, reason: String(error) }),
      ...(options.graceMs !== undefined && { graceMs: options.graceMs }),
    });
  }

  connected(client: StreamClient): void {
    const registration = this.#registration(client);
    if (registration !== undefined) this.#registry.connected(client.connection, registration);
  }

  left(client: StreamClient): void {
    const registration = this.#registration(client);
    if (registration !== undefined) this.#registry.left(client.connection, registration);
  }

  health(client: Identified, fault: string | undefined): void {
    const registration = this.#registration(client);
    if (registration !== undefined) this.#registry.health(registration, fault);
  }

  /** To be called when the mesh has changed. */
  changed(): void {
    this.service.update();
  }

  /** Takes away what replicas have left behind that are not alive, until `signal` aborts. */
  lead(isAlive: (replica: string) => boolean, signal: AbortSignal): void {
    const { client, snapshot, log } = this.#options;
    removeOrphans({
      client,
      resource: () => servedResource(client, kindTable.WorkloadEntry, signal),
      entries: () => snapshot().objects.WorkloadEntry.values(),
      isAlive,
      signal,
      onFault: (entry, error) => log.warn('the entry of a machine stays behind', { entry, reason: String(error) }),
    });
  }

  /** Undefined for proxies that register for nothing. */
  #registration({ node, identity }: Identified): Registration | undefined {
    const machine = machineOf(node);
    if (machine === undefined) return undefined;
    const { namespace, group } = machine;
    return {
      ref: { namespace, name: entryName(machine) },
      group,
      make: (presence) => {
        const found = this.#group(machine);
        if (found === undefined) return `there is no WorkloadGroup ${namespace}/${group}`;
        // Nobody gets into a group whose account is not theirs.
        const account = found.spec.template.serviceAccount || 'default';
        if (identity?.namespace !== namespace || identity.serviceAccount !== account)
          return `machines of the WorkloadGroup ${namespace}/${group} have the account ${account}`;
        const isChecked = machine.isChecked || (asksForProbes(node) && isProbed(found.spec.probe));
        return workloadEntry({ ...machine, isChecked }, found, presence);
      },
    };
  }

  #group({ namespace, group }: Machine): KindMap['WorkloadGroup'] | undefined {
    return this.#options.snapshot().objects.WorkloadGroup.get(objectKey(namespace, group));
  }

  #probe(node: NodeInfo): WorkloadProbe | undefined {
    const machine = machineOf(node);
    const probe = machine && this.#group(machine)?.spec.probe;
    return probe && workloadProbe(probe, machine.address);
  }
}

type Identified = Pick<StreamClient, 'node' | 'identity'>;

function machineOf(node: NodeInfo): Machine | undefined {
  const { AUTO_REGISTER_GROUP: group, INSTANCE_IPS: addresses, NETWORK: network, LABELS: labels } = node.metadata;
  if (typeof group !== 'string' || group === '') return undefined;
  const listed = typeof addresses === 'string' ? addresses.split(',') : [];
  const address = listed.find((each) => each !== '') ?? node.id.split('~')[1] ?? '';
  if (address === '') return undefined;
  const { region = '', zone = '', sub_zone: subZone = '' } = node.locality ?? {};
  return {
    namespace: proxyNamespace(node),
    group,
    address,
    network: typeof network === 'string' ? network : '',
    labels: stringsOf(labels),
    locality: [region, zone, subZone].filter((part) => part !== '').join('/'),
    isChecked: isChecked(node),
  };
}

/** An agent says which probe it was given. */
const isChecked = ({ metadata: { PROXY_CONFIG: config } }: NodeInfo): boolean =>
  typeof config === 'object' && config !== null && 'readinessProbe' in config;

/** A stock Envoy says that its bootstrap has it ask. */
const asksForProbes = ({ metadata }: NodeInfo): boolean => metadata['HEALTH_DISCOVERY'] === 'true';

const stringsOf = (value: unknown): Readonly<Record<string, string>> =>
  typeof value !== 'object' || value === null
    ? {}
    : Object.fromEntries(
        Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
      );
