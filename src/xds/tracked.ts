// One resource type on one stream: what the proxy subscribes to, and how sending it went.
import type { ProxyStatus, TypeStatus } from '../model/proxy/proxy-status.ts';
import type { Resource, TypeUrl } from '../model/envoy/resource.ts';
import type { StreamEnvironment } from './environment.ts';
import type { StreamClient } from './status.ts';
import type { ProxyState } from './subscription/proxy-state.ts';
import type { Catalog } from './subscription/subscription.ts';
import type { SubscriptionKind } from './subscription/subscription-kind.ts';
import { proxyName, proxyNamespace } from '../model/proxy/proxy-status.ts';
import { Subscription } from './subscription/subscription.ts';

/** Versions are push cycles; times are milliseconds since 1970. */
export interface Tracked {
  readonly type: TypeUrl;
  /** What there is of it for this proxy. */
  readonly catalog: Catalog;
  readonly subscription: Subscription;
  sentVersion: number;
  sentAt: number;
  ackedVersion: number;
  ackedAt: number;
  nacks: number;
  lastNack: string | undefined;
}

export const newTracked = (type: TypeUrl, catalog: Catalog, kind: SubscriptionKind): Tracked => ({
  type,
  catalog,
  subscription: new Subscription(kind),
  sentVersion: 0,
  sentAt: 0,
  ackedVersion: 0,
  ackedAt: 0,
  nacks: 0,
  lastNack: undefined,
});

/** There is nothing to send. A proxy that came back with all of it, as its versions say, has accepted it before. */
export function countAsAccepted(tracked: Tracked, { cycle, now }: Pick<StreamEnvironment, 'cycle' | 'now'>): void {
  const { sentAt, subscription } = tracked;
  if (sentAt > 0 || subscription.busy || subscription.has.size === 0) return;
  tracked.sentVersion = tracked.ackedVersion = cycle();
  tracked.sentAt = tracked.ackedAt = now();
}

/** `refused`: something that the mesh wants of this type is kept from the proxy because proxies reject it. */
export function typeStatus({ type, subscription, ...counts }: Tracked, refused: boolean): TypeStatus {
  const { sentVersion, sentAt, ackedVersion, ackedAt, nacks } = counts;
  const lastNack = refused ? counts.lastNack : undefined;
  const [resources, synced] = [subscription.has.size, !subscription.busy];
  return { type, resources, synced, sentVersion, sentAt, ackedVersion, ackedAt, nacks, lastNack };
}

/** Of all types. `since`: when the proxy connected. */
export const proxyStatus = (
  client: StreamClient,
  since: number,
  types: readonly TypeStatus[],
  unacceptedSecrets: readonly string[],
): ProxyStatus => ({
  ...client,
  proxy: proxyName(client.node),
  namespace: proxyNamespace(client.node),
  connectedSince: since,
  synced: types.every((type) => type.synced),
  types,
  unacceptedSecrets,
});

/** What is wanted, and has been sent and not confirmed, or not been sent. */
export function pendingResources(
  types: ReadonlyMap<TypeUrl, Tracked>,
  state: Pick<ProxyState, 'wanted'>,
): readonly Resource[] {
  const pending: Resource[] = [];
  for (const [type, { subscription }] of types) {
    if (!subscription.busy) continue;
    for (const name of subscription.unsettled()) {
      const wanted = state.wanted(type, name);
      if (wanted !== undefined) pending.push(wanted);
    }
  }
  return pending;
}
