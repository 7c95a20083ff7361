// Keeps a WorkloadEntry for every machine that is connected to this replica: made when it comes, removed some time after it has
// gone, unless it has come back to another one. What proxies and agents tell of its health stands in its status.
// https://istio.io/latest/docs/reference/config/annotations/#IoIstioWorkloadController
import type { KubernetesClient } from '../../kubernetes/client.ts';
import type { WantedResource } from '../../kubernetes/discovery.ts';
import type { KubernetesObject, ObjectRef, ResourceType } from '../../kubernetes/resource.ts';
import type { Reconciler } from '../reconciler.ts';
import type { Status } from '../status/merged-status.ts';
import { isNotFound } from '../../kubernetes/api-error.ts';
import { servedResource } from '../../kubernetes/discovery.ts';
import { objectKey } from '../../model/object.ts';
import { reconciler } from '../reconciler.ts';
import { fieldManager } from '../resources.ts';
import { isWritten, mergedStatus } from '../status/merged-status.ts';
import { annotations } from './workload-entry.ts';

export interface MachineRegistryOptions {
  readonly client: Pick<KubernetesClient, 'get' | 'create' | 'patch' | 'delete' | 'read'>;
  /** WorkloadEntries, in whichever version. */
  readonly resource: WantedResource;
  /** This replica. */
  readonly controller: string;
  readonly signal: AbortSignal;
  readonly onFault: (entry: string, error: unknown) => void;
  /** How long a machine may be away, in milliseconds. */
  readonly graceMs?: number;
}

export interface Registration {
  readonly ref: Required<ObjectRef>;
  /** The entry as it is to be made, with these annotations; a text says why it cannot be. */
  readonly make: (presence: Readonly<Record<string, string>>) => KubernetesObject | string;
  readonly group: string;
}

interface Known extends Registration {
  /** Of this machine, to this replica. */
  readonly connections: Set<string>;
  leftAt: number;
  /** Undefined until somebody tells; '' is healthy, else why not. */
  health: string | undefined;
}

const defaultGraceMs = 10_000;

export class MachineRegistry {
  readonly #options: MachineRegistryOptions;
  readonly #graceMs: number;
  readonly #work: Reconciler;
  readonly #known = new Map<string, Known>();
  #served: Promise<ResourceType | undefined> | undefined;

  constructor(options: MachineRegistryOptions) {
    this.#options = options;
    this.#graceMs = options.graceMs ?? defaultGraceMs;
    this.#work = reconciler({
      reconcile: (key) => this.#reconcile(key),
      signal: options.signal,
      onFault: options.onFault,
    });
  }

  connected(connection: string, registration: Registration): void {
    const key = keyOf(registration);
    const known = this.#known.get(key) ?? { ...registration, connections: new Set(), leftAt: 0, health: undefined };
    known.connections.add(connection);
    this.#known.set(key, known);
    this.#work.add([key]);
  }

  left(connection: string, registration: Registration): void {
    const key = keyOf(registration);
    const known = this.#known.get(key);
    if (known === undefined || !known.connections.delete(connection) || known.connections.size > 0) return;
    known.leftAt = Date.now();
    this.#work.add([key]);
    setTimeout(() => this.#work.add([key]), this.#graceMs + 10).unref();
  }

  health(registration: Registration, fault: string | undefined): void {
    const known = this.#known.get(keyOf(registration));
    if (known === undefined || known.health === (fault ?? '')) return;
    known.health = fault ?? '';
    this.#work.add([keyOf(registration)]);
  }

  async #reconcile(key: string): Promise<void> {
    const known = this.#known.get(key);
    if (known === undefined) return;
    const resource = await this.#resource();
    const found = await this.#find(resource, known.ref);
    if (known.connections.size === 0) return this.#unregister(key, resource, known, found);
    await this.#tellHealth(resource, known, await this.#register(resource, known, found));
  }

  async #register(
    resource: ResourceType,
    { ref, group, make }: Known,
    found: KubernetesObject | undefined,
  ): Promise<KubernetesObject> {
    const { client, controller, signal } = this.#options;
    const present = { [annotations.controller]: controller, [annotations.connectedAt]: new Date().toISOString() };
    if (found === undefined) {
      const entry = make(present);
      if (typeof entry === 'string') throw new Error(entry);
      return client.create(resource, entry, { fieldManager, signal });
    }
    const { [annotations.group]: owner, [annotations.controller]: holder, [annotations.disconnectedAt]: left } = marks(found); // prettier-ignore
    if (owner !== group) throw new Error('there is a WorkloadEntry of this name that no machine was registered with');
    if (holder === controller && left === undefined) return found;
    return this.#mark(resource, ref, found, { ...present, [annotations.disconnectedAt]: null });
  }

  async #unregister(
    key: string,
    resource: ResourceType,
    { ref, leftAt }: Known,
    found: KubernetesObject | undefined,
  ): Promise<void> {
    const { client, controller, signal } = this.#options;
    // Who came back to another replica is that one's.
    if (found === undefined || marks(found)[annotations.controller] !== controller) return void this.#known.delete(key);
    if (marks(found)[annotations.disconnectedAt] === undefined)
      await this.#mark(resource, ref, found, { [annotations.disconnectedAt]: new Date(leftAt).toISOString() });
    else if (Date.now() - leftAt >= this.#graceMs) {
      const { uid, resourceVersion } = found.metadata;
      await client.delete(resource, ref, { signal, ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) });
      if (this.#known.get(key)?.connections.size === 0) this.#known.delete(key);
    }
  }

  #mark(
    resource: ResourceType,
    ref: ObjectRef,
    { metadata }: KubernetesObject,
    changed: Readonly<Record<string, string | null>>,
  ): Promise<KubernetesObject> {
    const { client, signal } = this.#options;
    const patch = { metadata: { resourceVersion: metadata.resourceVersion, annotations: changed } };
    return client.patch(resource, ref, patch, { type: 'merge', fieldManager, signal });
  }

  async #tellHealth(resource: ResourceType, { ref, health }: Known, entry: KubernetesObject): Promise<void> {
    if (health === undefined) return;
    const current = (entry['status'] ?? {}) as Status;
    const healthy = { type: 'Healthy', status: health === '' ? 'True' : 'False', message: health.slice(0, 1000) };
    const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const status = mergedStatus(current, { conditions: [healthy] }, { conditions: ['Healthy'] }, now);
    if (isWritten(status, current)) return;
    const { client, signal } = this.#options;
    const patch = { metadata: { resourceVersion: entry.metadata.resourceVersion }, status };
    await client.patch(resource, ref, patch, { type: 'merge', subresource: 'status', fieldManager, signal });
  }

  async #find(resource: ResourceType, ref: ObjectRef): Promise<KubernetesObject | undefined> {
    return this.#options.client.get(resource, ref, this.#options.signal).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
      return undefined;
    });
  }

  async #resource(): Promise<ResourceType> {
    const { client, resource, signal } = this.#options;
    this.#served ??= servedResource(client, resource, signal);
    const served = await this.#served.catch((error: unknown) => {
      this.#served = undefined;
      throw error;
    });
    if (served !== undefined) return served;
    this.#served = undefined;
    throw new Error('WorkloadEntries are not defined in the cluster');
  }
}

const keyOf = ({ ref }: Registration): string => objectKey(ref.namespace, ref.name);

const marks = ({ metadata }: KubernetesObject): Readonly<Record<string, string>> => metadata.annotations ?? {};
