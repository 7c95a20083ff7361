// All statuses that the control plane has to write: conditions of Istio's kinds, and what the front ends of Gateway API and
// Ingress say of theirs.
import { memo, sharedList } from '../model/memo.ts';
import type { ObjectMeta } from '../model/object.ts';
import { objectKey } from '../model/object.ts';
import type { AnyObject } from '../model/schema/index.ts';
import type { Problem } from '../model/problem.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { SourceRef } from '../model/source.ts';
import type { Condition, ObjectStatus } from '../model/status.ts';
import type { WantedStatus } from '../controllers/status/status-writer.ts';
import { revisionLabel } from '../watchers/cluster/revision.ts';
import type { KindRow } from '../watchers/kinds.ts';
import { kindRows } from '../watchers/kinds.ts';
import type { JoinedDelivery } from './delivery-report.ts';
import { causeKey } from './causes.ts';
import { objectConditions, ownConditions } from './object-conditions.ts';

/**
 * Who writes a status, of all the replicas that know the object. Those of Istio's kinds that name no revision are everybody's;
 * Gateway API's belong to one revision each.
 */
export type Writer = 'leader of the cluster' | 'leader of the revision' | 'another revision';

export interface AssignedStatus extends WantedStatus {
  readonly writer: Writer;
}

export interface StatusFacts {
  readonly snapshot: Snapshot;
  /** Of this control plane, or one that it goes by. */
  readonly isOwnRevision: (label: string | undefined) => boolean;
  readonly problems: readonly Problem[];
  /** Of the front ends. */
  readonly statuses: readonly ObjectStatus[];
  readonly report: ReadonlyMap<string, JoinedDelivery>;
  /** Of Gateway API: whose entries in statuses are ours. */
  readonly controllers: readonly string[];
  /** Addresses that were allocated for the hosts of ServiceEntries, by `namespace/name`; equal lists are the same. */
  readonly addresses: ReadonlyMap<string, readonly object[]>;
}

/** Istio's kinds, and our own. */
const istioRows = kindRows.filter(({ group }) => group.endsWith('.istio.io') || group.endsWith('.keelson.io'));
const istioKinds: ReadonlySet<string> = new Set(istioRows.map(({ kind }) => kind));
const frontEndRows = new Map(
  kindRows
    .filter(({ group }) => group === 'gateway.networking.k8s.io' || group === 'networking.k8s.io')
    .map((row) => [row.objectKind, row]),
);

/** Whether conditions are written for the object. */
export const hasConditions = ({ kind, group }: SourceRef): boolean => group === undefined && istioKinds.has(kind);

/** What the status of an object is called among all that are wanted; undefined for kinds that are told nothing. */
export function statusKey({ kind, group, objectKind }: KindRow, namespace: string, name: string): string | undefined {
  if (istioKinds.has(kind)) return causeKey({ kind, namespace, name });
  return frontEndRows.has(objectKind) && frontEndRows.get(objectKind)?.group === group
    ? frontEndKey(group, objectKind, namespace, name)
    : undefined;
}

const frontEndKey = (group: string, kind: string, namespace: string, name: string): string =>
  `${group} ${kind} ${namespace}/${name}`;

/** The objects that have conditions, kind by kind. */
const objectsOf = ({ objects }: Snapshot): readonly ObjectsOfKind[] =>
  sharedList(istioRows.map(({ kind }) => objects[kind] as ObjectsOfKind));

type ObjectsOfKind = ReadonlyMap<string, AnyObject>;

/** Objects that only control planes of one revision read: this one's. */
export const labelledObjects = (snapshot: Snapshot): ReadonlySet<string> => labelledAmong(objectsOf(snapshot));

const labelledAmong = memo((kinds: readonly ObjectsOfKind[]): ReadonlySet<string> => {
  const labelled = istioRows.flatMap(({ kind }, index) =>
    [...(kinds[index]?.values() ?? [])]
      .filter(({ metadata }) => revisionLabel in metadata.labels)
      .map(({ metadata }) => causeKey({ kind, ...metadata })),
  );
  return new Set(labelled);
});

/** The version of every object that has conditions, by its key. */
export const generationsOf = (snapshot: Snapshot): ReadonlyMap<string, number> => generationsAmong(objectsOf(snapshot));

const generationsAmong = memo(
  (kinds: readonly ObjectsOfKind[]): ReadonlyMap<string, number> =>
    new Map(
      istioRows.flatMap(({ kind }, index) =>
        [...(kinds[index]?.values() ?? [])].map(
          ({ metadata }) => [causeKey({ kind, ...metadata }), metadata.generation ?? 0] as const,
        ),
      ),
    ),
);

/** What is to be said as before is the very same object. */
export function wantedStatuses(facts: StatusFacts): ReadonlyMap<string, AssignedStatus> {
  const problems = problemsOfObjects(facts.problems);
  const wanted = new Map<string, AssignedStatus>();
  for (const row of istioRows) {
    const objects = facts.snapshot.objects[row.kind] as ObjectsOfKind;
    for (const { metadata } of objects.values()) {
      const key = causeKey({ kind: row.kind, ...metadata });
      const { delivery, addresses } = knownOf(facts, row, key, metadata);
      wanted.set(key, readableStatus(row, metadata, problems.get(key), delivery, addresses));
    }
  }
  // What cannot be read is not in the snapshot, or is there as it was before.
  for (const all of problems.values()) {
    const source = all.find(({ severity }) => severity === 'error')?.source;
    const row = istioRows.find(({ kind }) => kind === source?.kind);
    if (source === undefined || row === undefined) continue;
    const { namespace, name } = source;
    const key = causeKey({ kind: row.kind, namespace, name });
    const writer = wanted.get(key)?.writer ?? 'leader of the cluster';
    const subject = { namespace, name, uid: undefined, generation: undefined, writer } as const;
    wanted.set(key, istioStatus(row, subject, { problems: all, ...knownOf(facts, row, key, source) }));
  }
  for (const status of facts.statuses) addFrontEnd(wanted, facts, status);
  return wanted;
}

/** Lists that are the same as long as the problems in them are. */
const problemsOfObjects = memo((problems: readonly Problem[]): ReadonlyMap<string, readonly Problem[]> => {
  const byKey = Map.groupBy(
    problems.filter(({ source }) => source !== undefined && hasConditions(source)),
    ({ source }) => causeKey(source as SourceRef),
  );
  return new Map([...byKey].map(([key, all]) => [key, sharedList(all)]));
});

interface ObjectName {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string | undefined;
  readonly generation: number | undefined;
  readonly writer: Writer;
}

interface Known {
  readonly delivery: JoinedDelivery | undefined;
  readonly addresses: readonly object[] | undefined;
}

const knownOf = (
  { report, addresses }: StatusFacts,
  { kind }: KindRow,
  key: string,
  { namespace, name }: Pick<SourceRef, 'namespace' | 'name'>,
): Known => ({
  delivery: report.get(key),
  addresses: kind === 'ServiceEntry' ? addresses.get(`${namespace}/${name}`) : undefined,
});

const readableStatus = memo(
  (
    row: KindRow,
    { namespace, name, uid, generation, labels }: ObjectMeta,
    problems: readonly Problem[] | undefined,
    delivery: JoinedDelivery | undefined,
    addresses: readonly object[] | undefined,
  ): AssignedStatus => {
    const writer = revisionLabel in labels ? 'leader of the revision' : 'leader of the cluster';
    const subject = { namespace, name, uid, generation, writer } as const;
    return istioStatus(row, subject, { problems: problems ?? [], delivery, addresses });
  },
);

function istioStatus(
  row: KindRow,
  { namespace, name, uid, generation, writer }: ObjectName,
  { problems, delivery, addresses }: Known & { readonly problems: readonly Problem[] },
): AssignedStatus {
  const conditions = objectConditions({ kind: row.kind, generation, problems, delivery });
  return {
    resource: row,
    ref: { namespace, name },
    uid,
    generation,
    writer,
    status: {
      ...(generation !== undefined && { observedGeneration: generation }),
      conditions,
      ...(addresses !== undefined && { addresses }),
    },
    owned: { conditions: ownConditions },
    news: newsOf(conditions, uid, generation),
    ...transience(conditions),
  };
}

/** A push is under way, of this object or of another one with which it shares a resource; or replicas have yet to be heard. */
function transience(conditions: readonly Condition[]): Pick<WantedStatus, 'transient'> {
  if (conditions.some(({ reason }) => reason === 'Reporting')) return { transient: 'in every version' };
  return conditions.some(({ reason }) => reason === 'Pending') ? { transient: 'in one version' } : {};
}

/** A count alone is no news. */
const newsOf = (conditions: readonly Condition[], uid: string | undefined, generation: number | undefined): string =>
  JSON.stringify([
    uid,
    generation,
    ...conditions.map(({ type, status, reason, message }) => [
      type,
      status,
      reason,
      type === 'Programmed' ? '' : message,
    ]),
  ]);

function addFrontEnd(wanted: Map<string, AssignedStatus>, facts: StatusFacts, said: ObjectStatus): void {
  const { controllers, snapshot } = facts;
  const { kind, namespace, name, status } = said;
  const row = frontEndRows.get(kind);
  if (row === undefined) return addConditions(wanted, said);
  wanted.set(frontEndKey(row.group, kind, namespace, name), {
    resource: row,
    ref: { name, ...(row.namespaced && { namespace }) },
    uid: snapshot.objects[row.kind].get(objectKey(namespace, name))?.metadata.uid,
    generation: observedGeneration(status),
    writer: frontEndWriter(row, namespace, name, facts),
    status,
    owned: { controllers },
  });
}

/** https://istio.io/latest/docs/setup/upgrade/gateways/ */
function frontEndWriter(
  { kind, group, namespaced }: KindRow,
  namespace: string,
  name: string,
  facts: StatusFacts,
): Writer {
  if (group !== 'gateway.networking.k8s.io' || !namespaced) return 'leader of the cluster';
  const { objects } = facts.snapshot;
  const object = objects[kind].get(objectKey(namespace, name));
  return facts.isOwnRevision(revisionOfObject(object?.metadata.labels, namespace, objects.Namespace))
    ? 'leader of the revision'
    : 'another revision';
}

/** What the object names, or else its namespace. */
export const revisionOfObject = (
  labels: Readonly<Record<string, string>> | undefined,
  namespace: string,
  namespaces: Snapshot['objects']['Namespace'],
): string | undefined =>
  labels?.[revisionLabel] ?? namespaces.get(objectKey('', namespace))?.metadata.labels[revisionLabel];

/** What waypoints and the like say of an object of Istio's kinds, beside what is said of all of them. */
function addConditions(wanted: Map<string, AssignedStatus>, { kind, namespace, name, status }: ObjectStatus): void {
  const key = causeKey({ kind, namespace, name });
  const common = wanted.get(key);
  const further = (status['conditions'] ?? []) as readonly Condition[];
  if (common === undefined || further.length === 0) return;
  const conditions = [
    ...(common.status['conditions'] as readonly Condition[]),
    // As text where Istio writes it; numbers are what every definition of these kinds takes.
    ...further.map((each) => ({ ...each, observedGeneration: Number(each.observedGeneration ?? common.generation) })),
  ];
  wanted.set(key, {
    ...common,
    status: { ...common.status, conditions },
    owned: { conditions: [...ownConditions, ...waypointConditions] },
    news: newsOf(conditions, common.uid, common.generation),
  });
}

const waypointConditions = ['WaypointAccepted', 'ZtunnelAccepted'] as const;

/** Which version of the object is spoken of, as the first condition says. */
function observedGeneration(status: ObjectStatus['status']): number | undefined {
  const { conditions, parents, ancestors } = status as {
    readonly [field: string]: readonly { readonly conditions?: readonly Condition[] }[] | undefined;
  };
  const all = [
    ...((conditions ?? []) as unknown as readonly Condition[]),
    ...[...(parents ?? []), ...(ancestors ?? [])].flatMap((entry) => entry.conditions ?? []),
  ];
  return all[0]?.observedGeneration;
}
