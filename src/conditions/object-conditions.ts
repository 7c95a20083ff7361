// What an object of Istio's kinds is told in its status: whether it is in force, whether what it names is there, and how
// many proxies have what it asks for.
// https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties
import { describePatchCount } from '../model/envoy/patch-places.ts';
import type { Problem } from '../model/problem.ts';
import type { Condition } from '../model/status.ts';
import type { JoinedDelivery } from './delivery-report.ts';

/** Of which other conditions are left alone. */
export const ownConditions = ['Accepted', 'ResolvedRefs', 'Programmed'] as const;

export interface ObjectFacts {
  readonly kind: string;
  /** Unknown for objects that cannot be read. */
  readonly generation: number | undefined;
  readonly problems: readonly Problem[];
  /** Undefined for objects that are not known. */
  readonly delivery: JoinedDelivery | undefined;
}

/** Problems with what an object names rather than with itself. */
const references: ReadonlySet<string> = new Set([
  'keys-unavailable',
  'module-unavailable',
  'unknown-delegate',
  'unknown-processor',
  'unknown-rate-limit-service',
  'unresolved-reference',
  'unusable-credential',
  'unusable-provider',
]);

/** Kinds that no proxy gets anything of over the air: they are for injection, and for machines that come. */
const neverDelivered: ReadonlySet<string> = new Set(['ProxyConfig', 'WorkloadGroup']);

const longestMessage = 4000;

export function objectConditions(facts: ObjectFacts): readonly Condition[] {
  const { kind, generation, problems } = facts;
  const [unresolved, own] = partition(problems, ({ code }) => references.has(code));
  const accepted = acceptance(own);
  const conditions = [
    accepted,
    resolution(unresolved),
    ...(neverDelivered.has(kind) ? [] : [programming(facts, accepted)]),
  ];
  return conditions.map((condition) => ({
    ...condition,
    ...(generation !== undefined && { observedGeneration: generation }),
  }));
}

function acceptance(problems: readonly Problem[]): Condition {
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) return { type: 'Accepted', status: 'False', reason: 'Invalid', message: told(errors) };
  return problems.length > 0
    ? { type: 'Accepted', status: 'True', reason: 'AcceptedWithWarnings', message: told(problems) }
    : { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'It is in force' };
}

const resolution = (problems: readonly Problem[]): Condition =>
  problems.length > 0
    ? { type: 'ResolvedRefs', status: 'False', reason: 'RefsNotResolved', message: told(lastByField(problems)) }
    : { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message: 'All that it names is there' };

function programming({ delivery }: ObjectFacts, accepted: Condition): Condition {
  const type = 'Programmed';
  if (accepted.status === 'False')
    return { type, status: 'False', reason: 'Invalid', message: 'It is not in force; what was in force before stays' };
  if (delivery === undefined || (delivery.proxies === 0 && delivery.unheard === 0))
    return { type, status: 'Unknown', reason: 'NoProxies', message: 'No connected proxy has anything of it' };
  const { proxies, programmed, faults, unheard, patches = [] } = delivery;
  const count = `${programmed}/${proxies} proxies${unheard === 0 ? '' : `, and those of ${unheard} more replicas`}`;
  if (faults.length > 0)
    return { type, status: 'False', reason: 'Rejected', message: cut(`${count}; rejected: ${faults.join('; ')}`) };
  if (unheard > 0) return { type, status: 'False', reason: 'Reporting', message: count };
  return programmed < proxies
    ? { type, status: 'False', reason: 'Pending', message: count }
    : {
        type,
        status: 'True',
        reason: 'Programmed',
        message: cut([count, ...patches.map(describePatchCount)].join('; ')),
      };
}

/** Of one field, what proxies find in particular comes after what is known of it in general. */
const lastByField = (problems: readonly Problem[]): readonly Problem[] => [
  ...new Map(problems.map((problem) => [problem.source?.path ?? problem.message, problem])).values(),
];

const told = (problems: readonly Problem[]): string =>
  cut(problems.map(({ message, source }) => (source?.path ? `${source.path}: ${message}` : message)).join('; '));

const cut = (text: string): string => (text.length <= longestMessage ? text : `${text.slice(0, longestMessage - 1)}…`);

function partition<T>(items: readonly T[], test: (item: T) => boolean): readonly [readonly T[], readonly T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}
