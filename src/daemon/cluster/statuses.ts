// Statuses of the user's objects, as the mesh and its proxies are: looked at again after every batch of changes, never within one.
import { setImmediate as breath } from 'node:timers/promises';

import type { DeliveryReport, PeerReport } from '../../conditions/delivery-report.ts';
import { DeliveryReporter, joinedReports } from '../../conditions/delivery-report.ts';
import type { Writer } from '../../conditions/wanted-statuses.ts';
import {
  generationsOf,
  hasConditions,
  labelledObjects,
  statusKey,
  wantedStatuses,
} from '../../conditions/wanted-statuses.ts';
import { StatusWriter } from '../../controllers/status/status-writer.ts';
import type { KubernetesClient } from '../../kubernetes/client.ts';
import type { KubernetesObject } from '../../kubernetes/resource.ts';
import type { Delivery } from '../../model/proxy/delivery.ts';
import type { PatchCount, PatchPlaces } from '../../model/envoy/patch-places.ts';
import { memo, sharedValue } from '../../model/memo.ts';
import type { Service } from '../../model/mesh/mesh.ts';
import { patchCounts } from '../../model/envoy/patch-places.ts';
import type { NodeInfo } from '../../model/envoy/resource.ts';
import type { Problem } from '../../model/problem.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { gatewayController, meshController } from '../../translate/resolve/gateway-api/gateway-class.ts';
import type { Translation } from '../../translate/translate.ts';
import type { KindRow } from '../../watchers/kinds.ts';
import type { Log } from '../../xds/log.ts';

/** What all proxies of this replica have been told of. */
export interface ToldMesh {
  readonly snapshot: Snapshot;
  readonly translation: Translation;
}

export interface StatusesOptions {
  readonly delivery: () => Delivery;
  readonly problems: () => readonly Problem[];
  /** The proxies of this replica. */
  readonly nodes: () => readonly NodeInfo[];
  /** What other replicas report of their proxies. */
  readonly others: () => readonly PeerReport[];
  readonly revision: string;
  /** Whether a label means this revision; undefined is what has no label. */
  readonly isOwnRevision: (label: string | undefined) => boolean;
  /** Told of this replica's own report, whenever it has been made anew. */
  readonly onReport: (report: DeliveryReport) => void;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** For how long changes are gathered, in milliseconds. */
  readonly batchMs?: number;
}

export class Statuses {
  readonly #options: StatusesOptions;
  #told: ToldMesh | undefined;
  readonly #writers = new Map<Writer, StatusWriter>();
  #timer: NodeJS.Timeout | undefined;
  #isTouched = false;
  #isLooking = false;
  readonly #reporter = new DeliveryReporter({ isReported: hasConditions, breathe: () => breath() });

  constructor(options: StatusesOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => clearTimeout(this.#timer));
  }

  /** The proxies have been told of this state of the mesh. */
  told(mesh: ToldMesh): void {
    this.#told = mesh;
    this.touch();
  }

  /** Writes from now on what this one is to write as `writer`, until `signal` aborts. */
  lead(writer: Writer, client: KubernetesClient, signal: AbortSignal): void {
    const { log } = this.#options;
    const statusWriter = new StatusWriter({
      client,
      signal,
      onFault: (object, error) => log.warn('a status cannot be written', { object, reason: String(error) }),
    });
    this.#writers.set(writer, statusWriter);
    signal.addEventListener('abort', () => {
      if (this.#writers.get(writer) === statusWriter) this.#writers.delete(writer);
    });
    this.touch();
  }

  /** Of a status that somebody else has changed what is ours is written again. */
  seen(row: KindRow, object: KubernetesObject): void {
    if (this.#writers.size === 0) return;
    const { namespace = '', name = '' } = object.metadata;
    const key = statusKey(row, namespace, name);
    if (key !== undefined) for (const writer of this.#writers.values()) writer.seen(key, object);
  }

  /** Something may be different: the mesh, or what proxies have answered. */
  touch(): void {
    this.#isTouched = true;
    if (this.#isLooking || this.#options.signal.aborted) return;
    this.#timer ??= setTimeout(() => void this.#lookAgain(), this.#options.batchMs ?? 500).unref();
  }

  async #lookAgain(): Promise<void> {
    this.#timer = undefined;
    this.#isTouched = false;
    this.#isLooking = true;
    try {
      await this.#look();
    } catch (error) {
      const reason = error instanceof Error ? error.stack : String(error);
      this.#options.log.error('statuses cannot be told', { reason });
    }
    this.#isLooking = false;
    if (this.#isTouched) this.touch();
  }

  async #look(): Promise<void> {
    const { delivery, problems, others, revision, isOwnRevision } = this.#options;
    const told = this.#told;
    if (told === undefined) return;
    const generations = generationsOf(told.snapshot);
    const patches = await this.#patches(told);
    const report = await this.#reporter.report(delivery(), generations, patches);
    this.#options.onReport(report);
    if (this.#writers.size === 0) return;
    const { snapshot, translation } = told;
    const labelled = labelledObjects(snapshot);
    const wanted = wantedStatuses({
      snapshot,
      isOwnRevision,
      problems: problems(),
      statuses: translation.statuses(),
      report: joinedReports(report, others(), (key, other) => other === revision || !labelled.has(key)),
      controllers: [gatewayController, meshController],
      addresses: allocatedAddresses(translation.mesh.services),
    });
    for (const [role, writer] of this.#writers)
      writer.want(new Map([...wanted].filter(([, status]) => status.writer === role)));
  }

  /** Of all EnvoyFilters. */
  async #patches({ snapshot, translation }: ToldMesh): Promise<readonly PatchCount[]> {
    if (snapshot.objects.EnvoyFilter.size === 0) return [];
    const places: (readonly PatchPlaces[])[] = [];
    for (const node of this.#options.nodes()) {
      places.push(translation.patchPlaces(node));
      await breath();
    }
    return patchCounts(places);
  }
}

/** https://istio.io/latest/docs/reference/config/networking/service-entry/#ServiceEntryStatus */
const allocatedAddresses = memo((services: readonly Service[]): ReadonlyMap<string, readonly object[]> => {
  const byEntry = Map.groupBy(
    services.filter(({ source, autoAddresses }) => source.kind === 'ServiceEntry' && autoAddresses.length > 0),
    ({ source }) => `${source.namespace}/${source.name}`,
  );
  const addresses = ({ hostname, autoAddresses }: Service): readonly object[] =>
    autoAddresses.map((value) => ({ value, host: hostname }));
  return new Map([...byEntry].map(([entry, own]) => [entry, sharedValue(own.flatMap(addresses))]));
});
