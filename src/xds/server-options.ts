// What the xDS server is given, and what it offers.
import type { Metadata, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { PeerCertificate } from 'node:tls';
import type { DebugSource } from '../model/proxy/debug.ts';
import type { Delivery } from '../model/proxy/delivery.ts';
import type { WorkloadIdentity } from '../model/proxy/identity.ts';
import type { Configuration, NodeInfo, TypeUrl } from '../model/envoy/resource.ts';
import type { SecretSource, TlsSource } from '../model/external/secret-source.ts';
import type { Limits } from './admission/limits.ts';
import type { Log } from './log.ts';
import type { XdsObserver } from './observer.ts';
import type { Presence } from './presence.ts';
import type { ProxyStatus, ServerCounters } from './status.ts';
import type { QuarantineOptions, Rejection } from './subscription/quarantine.ts';

/** Who is calling; undefined for somebody unknown. A fault, such as an authority out of reach, is thrown. */
export type Authenticate = (
  metadata: Metadata,
  peerCertificate: PeerCertificate | undefined,
) => Promise<WorkloadIdentity | undefined>;

/** Another gRPC service on the same port; it authenticates its callers by itself. */
export interface FurtherService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

export interface XdsServerOptions {
  /** Pure. A throw is a bug of ours: the proxy keeps what it has. */
  readonly translate: (node: NodeInfo) => Configuration;
  readonly secrets?: SecretSource;
  /** Whether a proxy takes virtual hosts one by one, beside a route configuration that leaves them out; by default it says so. */
  readonly takesHosts?: (node: NodeInfo) => boolean;
  readonly authenticate?: Authenticate;
  /** Told of a proxy that claims to be another one than its credentials say. */
  readonly onImpostor?: (node: NodeInfo) => void;
  readonly tls?: TlsSource;
  readonly services?: readonly FurtherService[];
  /** Has to be true for a port without TLS or without authentication. */
  readonly plaintext?: boolean;
  readonly log: Log;
  /** Answers who looks into the control plane, such as istioctl; without it nobody is answered. */
  readonly debug?: DebugSource;
  /** A version of a resource was rejected for the first time. */
  readonly onRejected?: (rejection: Rejection) => void;
  /** What to send in the place of what proxies reject, best first, before its last good version. Pure. */
  readonly substitutes?: NonNullable<QuarantineOptions['substitutes']>;
  readonly observer?: XdsObserver;
  /** Told of proxies that come and go. */
  readonly presence?: Presence | undefined;
  readonly limits?: Partial<Limits>;
  readonly now?: () => number;
}

export interface XdsServer {
  /** `host:port`; port 0 takes a free one. Returns the port. */
  listen(address: string): Promise<number>;
  /** The same without TLS. Nobody is known there: callers have the configuration of whom they say they are, and no secrets. */
  listenPlaintext(address: string): Promise<number>;
  /** The mesh has changed. Resolves when a cycle that began after this call has gone through all proxies. */
  update(): Promise<void>;
  status(): readonly ProxyStatus[];
  /** Names of what the proxy behind a connection has, by type; undefined if it is gone. */
  held(connection: string): ReadonlyMap<TypeUrl, readonly string[]> | undefined;
  rejections(): readonly Rejection[];
  delivery(): Delivery;
  counters(): ServerCounters;
  /** Ends all streams, which the proxies then open elsewhere. */
  close(): Promise<void>;
}
