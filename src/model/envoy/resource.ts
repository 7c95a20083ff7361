// An Envoy resource before and after encoding, and the set of them that one proxy is to have.
// Messages are proto JSON as Envoy's documentation prints it: snake_case fields, durations as '5s', wrappers as
// bare values, Any by '@type', Struct as plain JSON, enums by name.
// https://protobuf.dev/programming-guides/json/

const prefix = 'type.googleapis.com/';

/** The resource types in the order they are pushed: what is referred to goes before what refers to it. */
export const resourceTypes = {
  cluster: `${prefix}envoy.config.cluster.v3.Cluster`,
  endpoint: `${prefix}envoy.config.endpoint.v3.ClusterLoadAssignment`,
  listener: `${prefix}envoy.config.listener.v3.Listener`,
  route: `${prefix}envoy.config.route.v3.RouteConfiguration`,
  virtualHost: `${prefix}envoy.config.route.v3.VirtualHost`,
  extension: `${prefix}envoy.config.core.v3.TypedExtensionConfig`,
  secret: `${prefix}envoy.extensions.transport_sockets.tls.v3.Secret`,
} as const;
export type ResourceKind = keyof typeof resourceTypes;
export type TypeUrl = string;

/** `name` is unique per type and proxy. `message` is never mutated: its identity stands for its content. */
export interface Resource {
  readonly type: TypeUrl;
  readonly name: string;
  readonly message: object;
  /** Resources nested in a repeated field of this one and encoded on their own: virtual hosts of a route configuration. */
  readonly parts?: { readonly field: string; readonly resources: readonly Resource[] };
  /** What it was before users' patches. */
  readonly unpatched?: Resource;
}

/** Something to send in the place of a resource that proxies refuse. */
export interface Substitute {
  readonly resource: Resource;
  /** For people: what is in force now. */
  readonly effect: string;
}

/**
 * Resources of one type that always change hands together. `scope` names the group of proxies that may share the
 * layer, for example `outbound/shop`: a last good version is only ever reused within its scope.
 */
export interface Layer {
  readonly scope: string;
  readonly resources: ReadonlyMap<string, Resource>;
  /** Served to who asks by name, and never as a part of everything. */
  readonly onDemand?: OnDemand;
  /** Names of what is still being made: who has it keeps what it has, and who has not waits. */
  readonly awaited?: readonly string[];
}

/** How a layer answers names that it does not list. */
export interface OnDemand {
  /** The name of the resource that answers to a name: another one if that is an alias. */
  readonly canonical: (asked: string) => string;
  /** A resource that exists only for who asks for it; undefined if there is none of this name. */
  readonly made: (name: string) => Resource | undefined;
  /** The name of the resource that says of a name that nothing is there, where silence would keep the proxy waiting. */
  readonly nothing?: (asked: string) => string;
}

/** All that one proxy is to have, but for its secrets. Layers of one type never share a name. */
export type Configuration = Readonly<Record<Exclude<ResourceKind, 'secret'>, readonly Layer[]>>;

/** Envoy's own words about itself: envoy.config.core.v3.Node with its metadata as plain JSON. */
export interface NodeInfo {
  readonly id: string;
  readonly cluster: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly locality?: { readonly region?: string; readonly zone?: string; readonly sub_zone?: string };
}
