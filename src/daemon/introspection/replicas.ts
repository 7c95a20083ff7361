// A control plane with the proxies of all its replicas: each makes the same configurations, so whoever is asked needs to know
// of the others nothing but who is connected to them, and what those answered.
import type { ControlPlane, Everywhere } from '../../admin/control-plane.ts';
import { rejectionProblem } from '../../inspect/rejection-problem.ts';
import type { CertificateHolder } from '../../model/proxy/certificate-holder.ts';
import type { Problem } from '../../model/problem.ts';
import type { ProxyStatus } from '../../model/proxy/proxy-status.ts';
import type { Push } from '../../model/proxy/push.ts';
import type { AskPeers, RejectedResource, ReplicaAnswer, ReplicaQuestion } from '../../model/proxy/replica.ts';

/** `problems`: those that follow from the mesh, who is connected and whose certificates are uncertain. */
export interface OwnPart {
  readonly replica: string;
  readonly plane: ControlPlane;
  readonly problems: (proxies: readonly ProxyStatus[], uncertain: readonly CertificateHolder[]) => readonly Problem[];
  readonly peers: AskPeers;
}

/** What this replica tells another one. */
export function ownAnswer(plane: ControlPlane, { held, pushes, push }: ReplicaQuestion): ReplicaAnswer {
  if (push === true) plane.push();
  const proxies = plane.proxies();
  const names = held === true ? proxies.map((status) => [status.connection, heldBy(plane, status)] as const) : [];
  return {
    proxies,
    rejections: plane.rejections(),
    held: Object.fromEntries(names),
    uncertain: plane.uncertain(),
    ...(pushes === true && { pushes: plane.pushes() }),
  };
}

const heldBy = (plane: ControlPlane, status: ProxyStatus): ReplicaAnswer['held'][string] =>
  Object.fromEntries(plane.held(status) ?? []);

export async function everywhere(
  { replica, plane, problems, peers }: OwnPart,
  wanted: Pick<ReplicaQuestion, 'held' | 'pushes'>,
): Promise<Everywhere> {
  const { answers, silent } = await peers(wanted);
  if (answers.size === 0) return { plane, unheard: silent };
  const here = plane.proxies().map((status) => ({ ...status, replica }));
  const there = [...answers].flatMap(([name, { proxies }]) => proxies.map((status) => ({ ...status, replica: name })));
  const proxies = [...here, ...there];
  const rejections = joined([...plane.rejections(), ...[...answers.values()].flatMap((answer) => answer.rejections)]);
  const uncertain = [...plane.uncertain(), ...[...answers.values()].flatMap((answer) => answer.uncertain ?? [])];
  const joint: ControlPlane = {
    ...plane,
    uncertain: () => uncertain,
    proxies: () => proxies,
    rejections: () => rejections,
    problems: () => [...problems(proxies, uncertain), ...rejections.map(rejectionProblem)],
    held: (proxy) => {
      if (proxy.replica === replica) return plane.held(proxy);
      const names = answers.get(proxy.replica ?? '')?.held[proxy.connection];
      return names && new Map(Object.entries(names));
    },
    pushes: () => latestPushes(new Map([[replica, plane.pushes()], ...[...answers].map(sentBy)])),
    push: () => {
      plane.push();
      void peers({ push: true });
    },
  };
  return { plane: joint, unheard: silent };
}

const sentBy = ([name, { pushes = [] }]: readonly [string, ReplicaAnswer]) => [name, pushes] as const;

/** By when they began: a change is told by every replica, each to its own proxies. */
function latestPushes(byReplica: ReadonlyMap<string, readonly Push[]>): readonly Push[] {
  const all = [...byReplica].flatMap(([replica, pushes]) => pushes.map((push) => ({ ...push, replica })));
  return all.toSorted((a, b) => b.at - a.at);
}

/** One version of a resource is rejected for one reason, whichever replica hears of it. */
function joined(rejections: readonly RejectedResource[]): readonly RejectedResource[] {
  const found = new Map<string, RejectedResource>();
  for (const rejection of rejections) {
    const key = JSON.stringify([rejection.type, rejection.name, rejection.error]);
    const known = found.get(key);
    const nodes = [...new Set([...(known?.nodes ?? []), ...rejection.nodes])];
    found.set(key, { ...rejection, nodes, since: Math.min(known?.since ?? rejection.since, rejection.since) });
  }
  return [...found.values()];
}
