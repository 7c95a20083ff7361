// How long a change takes, from `kubectl apply` of an object until the last proxy has acknowledged it, and until the object
// itself says so in its condition. The control plane's log tells when proxies have answered, by this same machine's clock.
import { kubectl } from '../../scripts/cluster/kind.ts';
import { apply, page, system } from './mesh.ts';

/** In milliseconds since `kubectl apply` was started. */
export interface Delivery {
  /** The command was over. */
  readonly applied: number;
  /** The last proxy's answer was there. */
  readonly acknowledged: number;
  /** `kubectl wait --for=condition=Programmed`, begun when it was applied, was over. */
  readonly programmed: number;
  /** How many proxies have answered to the change. */
  readonly proxies: number;
  /** What the condition says: how many proxies have it, of how many. */
  readonly message: string;
}

/** Applies `objects` and follows the one of them that `kind` and `name` say. */
export async function delivery(
  objects: readonly unknown[],
  { kind, namespace, name }: Readonly<Record<'kind' | 'namespace' | 'name', string>>,
): Promise<Delivery> {
  const before = await answers();
  const from = Date.now();
  await apply(objects);
  const applied = Date.now() - from;
  const target = ['--namespace', namespace, `${kind}/${name}`];
  await kubectl(['wait', '--for=condition=Programmed', '--timeout=540s', ...target]);
  const programmed = Date.now() - from;
  const path = 'jsonpath={.status.conditions[?(@.type=="Programmed")].message}';
  const message = await kubectl(['get', '--output', path, ...target]);
  const acknowledged = (await lastAnswer(`${kind} ${namespace}/${name} changed`, from, from + programmed)) - from;
  return { applied, acknowledged, programmed, proxies: (await answers()) - before, message };
}

/** How often proxies have answered to a change, each once for each change. */
async function answers(): Promise<number> {
  const text = await page('/metrics');
  return Number(/^pilot_proxy_convergence_time_count (\S+)/m.exec(text)?.[1] ?? 0);
}

/**
 * When the last proxy had answered to a change of this object, in milliseconds since the epoch: after `from`, and before
 * `until`, when all had.
 */
async function lastAnswer(object: string, from: number, until: number): Promise<number> {
  const log = await kubectl(['--namespace', system, 'logs', 'deployment/istiod', '--tail=1000']);
  const at = (line: string): number => Date.parse(line.slice(0, 24));
  const lines = log.split('\n').filter((line) => at(line) >= from && at(line) <= until);
  const changed = lines.findIndex((line) => line.includes('objects have changed') && line.includes(object));
  const answered = lines.slice(changed).findLast((line) => line.includes('proxies have answered'));
  if (changed < 0 || answered === undefined) throw new Error(`the log tells of no answers to: ${object}`);
  return at(answered);
}

/** What the measurements say, for people: the middle of each kind, and the slowest. */
export function described(measured: readonly Delivery[]): string {
  const of = (kind: 'applied' | 'acknowledged' | 'programmed'): string => {
    const sorted = measured.map((each) => each[kind]).toSorted((one, other) => one - other);
    return `${sorted[Math.floor(sorted.length / 2)]} ms (at most ${sorted.at(-1)})`;
  };
  return [
    `From kubectl apply of a VirtualService to the last acknowledgement of ${measured[0]?.proxies} sidecars: ${of('acknowledged')}`,
    `to kubectl wait --for=condition=Programmed being over: ${of('programmed')}`,
    `of that kubectl apply itself: ${of('applied')}; ${measured.length} changes`,
  ].join(', ');
}
