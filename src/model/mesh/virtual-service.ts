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

/** A service that says whether a request may go on; plain data. */
export interface RouteAuthorizer {
  /** Of all routes only this one has it. */
  readonly name: string;
  readonly source: SourceRef;
  readonly protocol: 'HTTP' | 'GRPC';
  readonly host: string;
  readonly port: number;
  /** Goes before the path of the request, over HTTP. */
  readonly pathPrefix: string;
  /** What it sees of the headers: over HTTP beside those that say what is asked for, over gRPC these alone, or all. */
  readonly requestHeaders: readonly string[];
  /** What of its answer over HTTP goes on with the request; all when empty. */
  readonly responseHeaders: readonly string[];
  /** Bytes of the body that it sees; a larger one is refused. 0: nothing of it. */
  readonly body: number;
}

export type RouteApi = 'istio' | 'gateway-api' | 'ingress';

/** A route and the fields that it came from; a delegate's route has its own object as source, with the root's as `root`. */
export interface SourcedRoute<R> {
  readonly source: SourceRef;
  readonly root?: SourceRef;
  readonly route: R;
  /** A client of the route stays with the endpoint that it talked to first. */
  readonly session?: PersistentSession;
  /** Who is asked about each of its requests. */
  readonly authorizer?: RouteAuthorizer;
  /** For a route written in another API: where the fields of `route` stand below `source`. */
  readonly fields?: Readonly<Record<string, string>>;
}
