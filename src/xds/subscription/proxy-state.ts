// All that one connected proxy is to have: its configuration, and the secrets it asked for. What was rejected is
// replaced by the last good version; endpoints change with the cluster that uses them, because Envoy forgets a
// cluster's endpoints whenever the cluster is replaced.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#resource-warming
import type { Configuration, Layer, Resource, ResourceKind, TypeUrl } from '../../model/envoy/resource.ts';
import type { CachedResource } from '../codec/cache.ts';
import type { Quarantine } from './quarantine.ts';
import type { Held } from '../holdings/held.ts';
import type { Catalog, Subscription, Wanted } from './subscription.ts';
import { resourceTypes } from '../../model/envoy/resource.ts';
import { withDependency } from '../codec/cache.ts';
import type { Changed } from './catalog.ts';
import { canonicalName, changesBetween, findResource, isAwaited, resourceNames, sameLayers } from './catalog.ts';
import { routeOf, withPushedHosts } from './pushed-hosts.ts';

export type Encode = (resource: Resource) => CachedResource | undefined;
/** What the proxy has under a type and name. */
export type HeldBy = (type: TypeUrl, name: string) => Held | undefined;

export interface ProxyStateOptions {
  readonly encode: Encode;
  readonly quarantine: Quarantine;
  readonly held: HeldBy;
  /** Whether it is sent virtual hosts one by one, and route configurations without them. */
  readonly takesHosts: boolean;
}

const configured = ['cluster', 'endpoint', 'listener', 'route', 'virtualHost', 'extension'] as const;
const kinds = new Map<TypeUrl, ResourceKind>(
  Object.entries(resourceTypes).map(([kind, type]) => [type, kind as ResourceKind]),
);

export class ProxyState {
  readonly #encode: Encode;
  readonly #quarantine: Quarantine;
  readonly #held: HeldBy;
  readonly #takesHosts: boolean;
  readonly #secrets = new Map<string, Resource | undefined>();
  #secretScope = '';
  /** Versions of the clusters sent, by the name of their endpoints where that is not the cluster's own. */
  readonly #clusterVersions = new Map<string, string>();
  /** What the mesh says, and what it comes to as it is delivered. */
  #wanted: Configuration | undefined;
  #configuration: Configuration = {
    cluster: [],
    endpoint: [],
    listener: [],
    route: [],
    virtualHost: [],
    extension: [],
  };
  #layers: readonly Layer[] | undefined;
  #pushesHosts = false;

  constructor({ encode, quarantine, held, takesHosts }: ProxyStateOptions) {
    this.#encode = encode;
    this.#quarantine = quarantine;
    this.#held = held;
    this.#takesHosts = takesHosts;
  }

  /** Takes the place of the configuration so far; returns what may have changed, of the types of which anything may have. */
  configure(wanted: Configuration): readonly Changed[] {
    if (wanted === this.#wanted) return [];
    this.#wanted = wanted;
    const before = this.#configuration;
    const configuration = this.#takesHosts ? withPushedHosts(wanted) : wanted;
    this.#configuration = configuration;
    this.#layers = undefined;
    const { virtualHost } = configuration;
    this.#pushesHosts = virtualHost.length > 0 && virtualHost.every(({ onDemand }) => onDemand === undefined);
    const changed: Changed[] = [];
    for (const kind of configured) {
      const [old, fresh] = [before[kind], configuration[kind]];
      if (!sameLayers(old, fresh)) changed.push(changesBetween(resourceTypes[kind], old, fresh));
    }
    return changed;
  }

  /** `undefined`: there is no such secret for this proxy. */
  setSecret(scope: string, name: string, secret: Resource | undefined): void {
    this.#secretScope = scope;
    this.#secrets.set(name, secret);
  }

  /** Names asked for whose secret, as it was issued last, the proxy has not accepted. */
  unacceptedSecrets(subscription: Subscription | undefined): readonly string[] {
    return [...(subscription?.names.keys() ?? [])].filter((name) => {
      const secret = this.#secrets.get(name);
      if (secret === undefined) return !this.#secrets.has(name);
      return subscription?.accepted(name) !== this.#encode(secret)?.version;
    });
  }

  forgetSecret(name: string): void {
    this.#secrets.delete(name);
  }

  /** A cluster was sent, and its endpoints of this name are to follow. */
  clusterSent(cluster: CachedResource, endpoints: string): void {
    if (endpoints !== cluster.name) this.#clusterVersions.set(endpoints, cluster.version);
  }

  catalog(type: TypeUrl): Catalog {
    const kind = kinds.get(type);
    if (kind === undefined) return { names: () => [], find: () => 'absent' };
    if (kind === 'secret') return { names: () => this.#secrets.keys(), find: (name) => this.#secret(name) };
    return { names: () => resourceNames(this.#configuration[kind]), find: (name) => this.#find(kind, name) };
  }

  /** The name of the virtual host that answers to a name: one without routes if proxies reject the only version there is. */
  virtualHost(asked: string): string {
    const layers = this.#configuration.virtualHost;
    const name = canonicalName(layers, asked);
    const isHeld = this.#held(resourceTypes.virtualHost, name) !== undefined;
    if (isHeld || this.#find('virtualHost', name) !== 'withheld') return name;
    return layers.map(({ onDemand }) => onDemand?.nothing?.(asked)).find((each) => each !== undefined) ?? name;
  }

  /** The group of proxies that a resource's fate is shared with; undefined if there is no such resource any more. */
  scope(type: TypeUrl, name: string): string | undefined {
    const kind = kinds.get(type);
    if (kind === undefined) return undefined;
    return kind === 'secret' ? this.#secretScope : findResource(this.#configuration[kind], name)?.scope;
  }

  /** Whether virtual hosts are sent because they are there, and not because a request was for them. */
  get pushesHosts(): boolean {
    return this.#pushesHosts;
  }

  /** The virtual hosts of these route configurations. */
  *hostsOf(routes: ReadonlySet<string>): Generator<string> {
    for (const name of resourceNames(this.#configuration.virtualHost)) if (routes.has(routeOf(name))) yield name;
  }

  /** As the configuration wants it, whether or not that is in force. */
  wanted(type: TypeUrl, name: string): Resource | undefined {
    const kind = configured.find((each) => resourceTypes[each] === type);
    return kind && findResource(this.#configuration[kind], name)?.resource;
  }

  /** The same list while the configuration is the same. */
  layers(): readonly Layer[] {
    return (this.#layers ??= configured.flatMap((kind) => this.#configuration[kind]));
  }

  /** Whether a resource of this type is in force in an earlier version or not at all, because proxies reject it. */
  isRefused(type: TypeUrl): boolean {
    const kind = configured.find((each) => resourceTypes[each] === type);
    if (kind === undefined) return false;
    return this.#configuration[kind].some(({ scope, resources }) =>
      this.#quarantine.rejectedIn(scope, type).some(({ name, version }) => {
        const wanted = resources.get(name);
        return wanted !== undefined && this.#encode(wanted)?.content === version;
      }),
    );
  }

  #find(kind: keyof Configuration, name: string): Wanted {
    const found = findResource(this.#configuration[kind], name);
    if (found === undefined) return isAwaited(this.#configuration[kind], name) ? 'withheld' : 'absent';
    if (kind === 'virtualHost' && this.#pushesHosts && !this.#hasRoute(name)) return 'withheld';
    const wanted = this.#inForce(found.scope, found.resource);
    if (kind !== 'endpoint' || typeof wanted === 'string') return wanted;
    const cluster = this.#clusterVersions.get(name) ?? this.#held(resourceTypes.cluster, name)?.version;
    return cluster === undefined ? wanted : withDependency(wanted, cluster);
  }

  /** Envoy drops virtual hosts of a route configuration that it does not have. */
  #hasRoute(virtualHost: string): boolean {
    return this.#held(resourceTypes.route, routeOf(virtualHost)) !== undefined;
  }

  /** A secret that is not here yet is neither there nor missing. */
  #secret(name: string): Wanted {
    if (!this.#secrets.has(name)) return 'withheld';
    const secret = this.#secrets.get(name);
    return secret === undefined ? 'absent' : this.#inForce(this.#secretScope, secret);
  }

  /** A proxy that has accepted a version keeps it, even if another one rejects it. */
  #inForce(scope: string, resource: Resource): Wanted {
    const encoded = this.#encode(resource);
    if (encoded === undefined) return 'withheld';
    const held = this.#held(resource.type, resource.name)?.resource;
    return held?.content === encoded.content ? encoded : this.#quarantine.inForce(scope, encoded, held);
  }
}

/** The name under which Envoy asks for a cluster's endpoints; undefined if it does not. */
export function endpointsName(cluster: Resource): string | undefined {
  const { eds_cluster_config: eds } = cluster.message as { eds_cluster_config?: { service_name?: string } };
  if (eds === undefined) return undefined;
  return eds.service_name === undefined || eds.service_name === '' ? cluster.name : eds.service_name;
}
