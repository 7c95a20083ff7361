// Who gives out secrets, and to whom: the xDS server asks on behalf of a workload that it has authenticated.
import type { WorkloadIdentity } from '../proxy/identity.ts';
import type { NodeInfo, Resource } from '../envoy/resource.ts';

export interface Workload {
  /** Proven by what the connection carried, never taken from what the proxy says of itself. */
  readonly identity: WorkloadIdentity;
  readonly node: NodeInfo;
}

export interface SecretSource {
  /**
   * Calls `onChange` with the secret of this name as soon as the workload may have it and again whenever it is
   * replaced, or with undefined if the workload has no such secret. Faults are retried within; nothing is thrown.
   * Until `signal` aborts.
   */
  watch(workload: Workload, name: string, onChange: (secret: Resource | undefined) => void, signal: AbortSignal): void;
}

/** A certificate chain and its key in PEM, as a server presents it, and the roots that clients are checked against. */
export interface TlsIdentity {
  readonly certificateChain: string;
  readonly privateKey: string;
  readonly roots: string;
}

export interface TlsSource {
  /** The identity in force, and later ones as they replace it. Returns how to stop. */
  subscribe(onChange: (identity: TlsIdentity) => void): () => void;
}
