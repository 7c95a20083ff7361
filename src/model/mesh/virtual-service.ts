// A VirtualService as meaning: names resolved, delegates joined. Other route APIs become the same values.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/
import type { HTTPRoute, TCPRoute, TLSRoute } from '../schema/index.ts';
import type { PersistentSession } from './mesh.ts';
import type { Visibility } from './visibility.ts';
import type { Problem } from '../problem.ts';
import type { SourceRef } from '../source.ts';

export interface VirtualService {
  readonly source: SourceRef;
  /** The API that it was written in: each has its own defaults and precedence. */
  readonly api: RouteApi;
  readonly name: string;
  readonly namespace: string;
  readonly created: string;
  /** Fully qualified, wildcards kept. */
  readonly hosts: readonly string[];
  /** `mesh` or `namespace/name`. */
  readonly gateways: readonly string[];
  readonly visibility: Visibility;
  /** All host names in them are fully qualified; delegates are joined already. */
  readonly http: readonly SourcedRoute<HTTPRoute>[];
  readonly tls: readonly SourcedRoute<TLSRoute>[];
  readonly tcp: readonly SourcedRoute<TCPRoute>[];
  /** What is wrong with it that its object alone does not show: delegates that are not there. */
  readonly problems: readonly Problem[];
}

export type RouteApi = 'istio' | 'gateway-api' | 'ingress';

/** A route and the fields that it came from; a delegate's route has its own object as source, with the root's as `root`. */
export interface SourcedRoute<R> {
  readonly source: SourceRef;
  readonly root?: SourceRef;
  readonly route: R;
  /** A client of the route stays with the endpoint that it talked to first. */
  readonly session?: PersistentSession;
  /** For a route written in another API: where the fields of `route` stand below `source`. */
  readonly fields?: Readonly<Record<string, string>>;
}
