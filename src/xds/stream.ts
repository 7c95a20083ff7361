// One ADS stream: takes a proxy's requests in, and sends what it is to have in the order that breaks nothing.
// Clusters and their endpoints go first, listeners and routes once these are in place, removals of clusters and
// endpoints when nothing refers to them any more; of each type at most one response is unacknowledged.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#eventual-consistency-considerations
import type { WorkloadIdentity } from '../model/proxy/identity.ts';
import type { ProxyDelivery } from '../model/proxy/delivery.ts';
import type { Configuration, Layer, NodeInfo, TypeUrl } from '../model/envoy/resource.ts';
import type { SecretSource } from '../model/external/secret-source.ts';
import type { StreamEnvironment, Transport } from './environment.ts';
import type { DeltaRequest, Dialect, SotwRequest } from './subscription/requests.ts';
import type { ProxyStatus, StreamClient } from './status.ts';
import type { Subscription } from './subscription/subscription.ts';
import type { Sent, Settled } from './subscription/update.ts';
import type { Tracked } from './tracked.ts';
import { spiffeId } from '../model/proxy/identity.ts';
import { resourceTypes } from '../model/envoy/resource.ts';
import { Aliases } from './subscription/aliases.ts';
import { rejectedNames } from './subscription/nack.ts';
import { endpointsName, ProxyState } from './subscription/proxy-state.ts';
import { InvalidRequest } from './subscription/requests.ts';
import { responseOf } from './subscription/responses.ts';
import { Watches } from './subscription/watches.ts';
import { countAsAccepted, newTracked, pendingResources, proxyStatus, typeStatus } from './tracked.ts';
import { patience, pushOrder, referredTo, referring } from './subscription/push-order.ts';

const { cluster, endpoint, listener, route, virtualHost, secret } = resourceTypes;
const maxTypes = 50;

export class ProxyStream {
  readonly connection: string;
  readonly node: NodeInfo;
  readonly identity: WorkloadIdentity | undefined;
  readonly client: StreamClient;
  readonly #dialect: Dialect;
  readonly #environment: StreamEnvironment;
  readonly #transport: Transport;
  readonly #connectedSince: number;
  readonly #state: ProxyState;
  readonly #types = new Map<TypeUrl, Tracked>();
  /** The same in the order in which they go; those of no known order first. */
  readonly #inOrder: Tracked[] = [];
  readonly #secretWatches: Watches;
  /** Of virtual hosts, which a proxy asks for by what stands in its requests. */
  readonly #aliases = new Aliases((asked) => this.#state.virtualHost(asked));
  /** Endpoints of clusters just sent, which the proxy has still to ask for and to acknowledge. */
  readonly #awaited = new Set<string>();
  #patience: NodeJS.Timeout | undefined;
  #nonce = 0;
  #blocked = false;
  #closed = false;

  constructor(dialect: Dialect, client: StreamClient, environment: StreamEnvironment, transport: Transport) {
    this.connection = client.connection;
    this.node = client.node;
    this.identity = client.identity;
    this.client = client;
    this.#dialect = dialect;
    this.#environment = environment;
    this.#transport = transport;
    this.#blocked = transport.isClosed === true;
    this.#connectedSince = environment.now();
    const takesHosts = dialect === 'delta' && environment.takesHosts(client.node);
    const held = (type: TypeUrl, name: string) => this.#types.get(type)?.subscription.has.get(name);
    this.#state = new ProxyState({ ...environment, held, takesHosts });
    this.#secretWatches = new Watches(
      (name, signal) => this.#watchSecret(name, signal),
      (name) => this.#state.forgetSecret(name),
    );
  }

  layers(): readonly Layer[] {
    return this.#state.layers();
  }

  /** Sends what differs from the configuration before. */
  configure(configuration: Configuration): void {
    for (const { type, names, onDemand } of this.#state.configure(configuration)) {
      const subscription = this.#types.get(type)?.subscription;
      subscription?.touch(names);
      if (type === virtualHost) subscription?.cover(this.#state.pushesHosts, this.#state.catalog(type));
      if (!onDemand || subscription === undefined) continue;
      subscription.touchAsked();
      if (this.#isByAlias(type)) this.#followAliases(subscription);
    }
    this.#advance();
  }

  /** Takes a request in and answers what it asks for. Throws an InvalidRequest. */
  request(request: DeltaRequest | SotwRequest): void {
    const { typeUrl } = request;
    const tracked = this.#tracked(typeUrl);
    const { subscription, catalog } = tracked;
    const settled =
      'names' in request
        ? subscription.sotw(request, catalog)
        : subscription.delta(this.#isByAlias(typeUrl) ? this.#aliases.resolve(request) : request, catalog);
    if (Math.max(subscription.names.size, this.#aliases.size) > this.#environment.limits.names)
      throw new InvalidRequest(`more than ${this.#environment.limits.names} names`);
    if (settled !== undefined) this.#settle(tracked, settled);
    if (typeUrl === route && 'subscribe' in request) this.#hostsOf(new Set(request.subscribe), 'touch');
    if (typeUrl === secret) this.#secretWatches.keep(subscription.names);
    this.#advance();
  }

  /** The transport takes more again. */
  drained(): void {
    this.#blocked = false;
    this.#advance();
  }

  close(): void {
    this.#closed = true;
    this.#stopWaiting();
    this.#secretWatches.close();
  }

  status(): ProxyStatus {
    const types = [...this.#types].map(([type, tracked]) => typeStatus(tracked, this.#state.isRefused(type)));
    const unacceptedSecrets = this.#state.unacceptedSecrets(this.#types.get(secret)?.subscription);
    return proxyStatus(this.client, this.#connectedSince, types, unacceptedSecrets);
  }

  delivery(): ProxyDelivery {
    return { layers: this.layers(), pending: pendingResources(this.#types, this.#state) };
  }

  /** Names of what the proxy has, by type. */
  held(): ReadonlyMap<TypeUrl, readonly string[]> {
    return new Map([...this.#types].map(([type, { subscription }]) => [type, [...subscription.has.keys()]]));
  }

  #tracked(type: TypeUrl): Tracked {
    let tracked = this.#types.get(type);
    if (tracked === undefined) {
      if (this.#types.size >= maxTypes) throw new InvalidRequest(`more than ${maxTypes} types`);
      const fullState = type === cluster || type === listener;
      const kind = { incremental: this.#dialect === 'delta', fullState, atomic: type === virtualHost };
      tracked = newTracked(type, this.#state.catalog(type), kind);
      if (type === virtualHost) tracked.subscription.cover(this.#state.pushesHosts, tracked.catalog);
      this.#types.set(type, tracked);
      this.#inOrder.push(tracked);
      this.#inOrder.sort((one, other) => pushOrder.indexOf(one.type) - pushOrder.indexOf(other.type));
    }
    return tracked;
  }

  #isByAlias(type: TypeUrl): boolean {
    return type === virtualHost && !this.#state.pushesHosts;
  }

  #settle(tracked: Tracked, { sent, error }: Settled): void {
    const { type, subscription } = tracked;
    const now = this.#environment.now();
    if (type === endpoint) for (const { name } of sent) this.#awaited.delete(name);
    this.#environment.onSettled(this.connection, type, error === undefined, now - tracked.sentAt);
    if (error === undefined) {
      tracked.ackedVersion = tracked.sentVersion;
      tracked.ackedAt = now;
      this.#accepted(type, sent);
      return;
    }
    tracked.nacks++;
    tracked.lastNack = error;
    this.#environment.onNack(type, this.node, error);
    const added = sent.filter(({ after }) => after !== undefined);
    this.#rejected(type, subscription, added, error);
    subscription.revert(sent.filter(({ after }) => after === undefined));
    if (this.#isByAlias(type)) this.#followAliases(subscription);
  }

  #followAliases(subscription: Subscription): void {
    for (const name of this.#aliases.refresh()) subscription.follow(name);
  }

  #accepted(type: TypeUrl, sent: readonly Sent[]): void {
    for (const { name, after } of sent) {
      const scope = after?.resource && this.#state.scope(type, name);
      if (scope !== undefined && after?.resource !== undefined)
        this.#environment.quarantine.accepted(scope, after.resource);
    }
  }

  /** Envoy takes the good clusters and listeners of a response that it rejects; of other types nothing is sure. */
  #rejected(type: TypeUrl, subscription: Subscription, sent: readonly Sent[], error: string): void {
    const sentNames = sent.map(({ name }) => name);
    const names = new Set(rejectedNames(error, sentNames));
    const refused = sent.filter(({ name }) => names.has(name));
    const others = sent.filter(({ name }) => !names.has(name));
    for (const { name, before, after } of refused) {
      const scope = this.#state.scope(type, name);
      const by = { node: this.node.id, error, at: this.#environment.now(), held: before?.resource };
      if (scope !== undefined && after?.resource !== undefined)
        this.#environment.quarantine.rejected(scope, after.resource, by);
    }
    subscription.revert(refused);
    if (names.size > 0 && (type === cluster || type === listener)) this.#accepted(type, others);
    else subscription.resend(others);
  }

  /** A proxy that nobody vouches for has no secrets. */
  #watchSecret(name: string, signal: AbortSignal): void {
    const { identity, node } = this;
    if (identity === undefined || this.#environment.secrets === undefined)
      return this.#state.setSecret('', name, undefined);
    const scope = `secret/${spiffeId(identity)}`;
    const onChange: Parameters<SecretSource['watch']>[2] = (resource) => {
      if (this.#closed || signal.aborted) return;
      this.#state.setSecret(scope, name, resource);
      this.#types.get(secret)?.subscription.touch([name]);
      this.#advance();
    };
    this.#environment.secrets.watch({ identity, node }, name, onChange, signal);
  }

  /** `forced`: listeners and routes have waited for long enough. */
  #advance(forced = false): void {
    for (const tracked of this.#inOrder) {
      if (!forced && this.#refersToClusters(tracked.type) && !this.#clustersInPlace()) this.#wait(tracked);
      else this.#push(tracked, !referredTo.includes(tracked.type));
    }
    if (forced || this.#clustersInPlace()) this.#stopWaiting();
    if (this.#inOrder.some(({ type, subscription }) => referring.includes(type) && subscription.busy)) return;
    for (const type of referredTo) {
      const tracked = this.#types.get(type);
      if (tracked !== undefined) this.#push(tracked, true);
    }
  }

  #refersToClusters(type: TypeUrl): boolean {
    return referring.includes(type) && (type !== virtualHost || this.#state.pushesHosts);
  }

  #clustersInPlace(): boolean {
    return this.#awaited.size === 0 && this.#types.get(cluster)?.subscription.busy !== true;
  }

  #wait({ subscription }: Tracked): void {
    if (this.#closed || !subscription.ready) return;
    this.#patience ??= setTimeout(() => {
      this.#awaited.clear();
      this.#advance(true);
    }, patience);
    this.#patience.unref();
  }

  #stopWaiting(): void {
    if (this.#patience === undefined) return;
    clearTimeout(this.#patience);
    this.#patience = undefined;
  }

  #push(tracked: Tracked, removals: boolean): void {
    if (this.#blocked || this.#closed) return;
    const { type, subscription, catalog } = tracked;
    if (!subscription.hasWork) return countAsAccepted(tracked, this.#environment);
    const maxBytes = this.#environment.limits.responseBytes;
    const from = performance.now();
    const update = subscription.next(catalog, { removals, maxBytes });
    if (update === undefined) return countAsAccepted(tracked, this.#environment);
    const nonce = String(++this.#nonce);
    const { resources, removed } = update;
    const aliases = type === virtualHost ? this.#aliases : undefined;
    const response = responseOf(this.#dialect, { typeUrl: type, nonce, resources, removed, aliases });
    subscription.sent(update, nonce);
    tracked.sentVersion = this.#environment.cycle();
    tracked.sentAt = this.#environment.now();
    const took = performance.now() - from;
    this.#environment.onSent(this.connection, type, resources.length, response.byteLength, took);
    this.#blocked = !this.#transport.write(response);
    if (type === cluster) this.#expectEndpoints(update.sent);
    if (type === route) this.#hostsOf(new Set(resources.map(({ name }) => name)), 'repeat');
  }

  /**
   * Envoy asks for virtual hosts once and says not of what. Whenever it is sent a route configuration it starts without any,
   * and they are repeated; one that comes back may ask before it says which route configurations it has.
   */
  #hostsOf(routes: ReadonlySet<string>, then: 'touch' | 'repeat'): void {
    if (routes.size > 0 && this.#state.pushesHosts)
      this.#types.get(virtualHost)?.subscription[then](this.#state.hostsOf(routes));
  }

  /** Envoy waits for the endpoints of a cluster that it was sent, and uses it once they came. */
  #expectEndpoints(clusters: readonly Sent[]): void {
    const catalog = this.#state.catalog(endpoint);
    for (const { after } of clusters) {
      const name = after?.resource && endpointsName(after.resource.source);
      if (after?.resource === undefined || name === undefined) continue;
      this.#state.clusterSent(after.resource, name);
      if (typeof catalog.find(name) === 'string') continue;
      this.#awaited.add(name);
      this.#types.get(endpoint)?.subscription.touch([name]);
    }
  }
}
