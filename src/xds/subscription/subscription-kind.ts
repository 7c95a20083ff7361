// What the protocol is like for one resource type in one of its dialects, and how it is to be sent now.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#resource-types

export interface Pacing {
  /** Whether removals may go now, which break what still refers to them. */
  readonly removals: boolean;
  /** A response is closed when it has this many bytes. Full states are never divided. */
  readonly maxBytes: number;
}

export interface SubscriptionKind {
  readonly incremental: boolean;
  /**
   * Of listeners and clusters: naming nothing means everything; and without increments every response holds all
   * there is, so that what it does not hold is gone. Of other types such a response has no way to say that.
   */
  readonly fullState: boolean;
  /**
   * Of resources that have to fit together, as virtual hosts do whose domains may not overlap: a response is never divided,
   * and of a rejected one nothing is in force, what it removed included.
   */
  readonly atomic?: boolean;
}
