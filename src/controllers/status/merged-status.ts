// A status as it is to be written: what is wanted, joined with what others have written there, and with times that say since
// when a condition has been as it is.
// https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties

export type Status = Readonly<Record<string, unknown>>;

/** Whose is what, beside fields that are wanted and nobody else writes. */
export interface StatusOwnership {
  /** Conditions of these types; absent: all but those of other domains (`example.com/...`). */
  readonly conditions?: readonly string[];
  /** Entries of `parents` and `ancestors` with these controllers. */
  readonly controllers?: readonly string[];
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly lastTransitionTime?: string;
}

/** `now`: RFC 3339. Equal to `current`, in every field, when there is nothing to write. */
export function mergedStatus(current: Status, wanted: Status, owned: StatusOwnership, now: string): Status {
  const merged: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(wanted)) {
    const before = current[field];
    if (field === 'conditions') merged[field] = [...othersConditions(before, owned), ...dated(value, before, now)];
    else if (field === 'parents' || field === 'ancestors') merged[field] = entries(value, before, owned, now);
    else if (field === 'listeners') merged[field] = named(value, before, now);
    else merged[field] = value;
  }
  return merged;
}

/** Whether writing `merged` would change anything in `current`. The order of conditions means nothing. */
export const isWritten = (merged: Status, current: Status): boolean =>
  Object.entries(merged).every(([field, value]) => {
    const before = current[field];
    // That there is nothing need not be written.
    return Array.isArray(value) && value.length === 0 && before === undefined ? true : sorted(value) === sorted(before);
  });

/** Keys and conditions in one order. */
const sorted = (value: unknown): string =>
  JSON.stringify(value, (key, part: unknown) => {
    if (key === 'conditions' && Array.isArray(part)) return asConditions(part).toSorted(byType);
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }) ?? '';

const byType = (one: Condition, other: Condition): number => (one.type < other.type ? -1 : 1);

const asConditions = (value: unknown): readonly Condition[] => (Array.isArray(value) ? (value as Condition[]) : []);

const othersConditions = (current: unknown, { conditions }: StatusOwnership): readonly Condition[] =>
  asConditions(current).filter(({ type }) =>
    conditions === undefined ? type.includes('/') : !conditions.includes(type),
  );

function dated(wanted: unknown, current: unknown, now: string): readonly Condition[] {
  return asConditions(wanted).map((condition) => {
    const before = asConditions(current).find(({ type }) => type === condition.type);
    const since = before?.status === condition.status ? before.lastTransitionTime : undefined;
    return { ...condition, lastTransitionTime: since ?? now };
  });
}

interface Entry {
  readonly name?: string;
  readonly controllerName?: string;
  readonly parentRef?: object;
  readonly ancestorRef?: object;
  readonly conditions?: unknown;
}

const asEntries = (value: unknown): readonly Entry[] => (Array.isArray(value) ? (value as Entry[]) : []);

/** Of routes and policies: each controller has its own. */
function entries(
  wanted: unknown,
  current: unknown,
  { controllers = [] }: StatusOwnership,
  now: string,
): readonly Entry[] {
  const before = asEntries(current);
  const others = before.filter(({ controllerName = '' }) => !controllers.includes(controllerName));
  const own = asEntries(wanted).map((entry) => {
    const same = before.find(
      (each) =>
        each.controllerName === entry.controllerName && sorted(referenceOf(each)) === sorted(referenceOf(entry)),
    );
    return { ...entry, conditions: dated(entry.conditions, same?.conditions, now) };
  });
  return [...others, ...own];
}

/** The API server fills in the defaults of references. */
const referenceOf = ({ parentRef, ancestorRef }: Entry): object => ({
  group: 'gateway.networking.k8s.io',
  kind: 'Gateway',
  ...(parentRef ?? ancestorRef),
});

const named = (wanted: unknown, current: unknown, now: string): readonly Entry[] =>
  asEntries(wanted).map((entry) => {
    const before = asEntries(current).find(({ name }) => name === entry.name);
    return { ...entry, conditions: dated(entry.conditions, before?.conditions, now) };
  });
