// The calls of those who look into the control plane, beside those of proxies on the same service: told apart by their
// first request.
import type { WorkloadIdentity } from '../../model/proxy/identity.ts';
import type { Log } from '../log.ts';
import type { AdsCall } from '../service.ts';
import type { DeltaRequest, SotwRequest } from '../subscription/requests.ts';
import type { DebugEnvironment } from './debug-stream.ts';
import { status } from '@grpc/grpc-js';
import { endCall } from '../service.ts';
import { DebugStream, isDebugClient, RefusedRequest } from './debug-stream.ts';

const codes = { denied: status.UNAUTHENTICATED, invalid: status.INVALID_ARGUMENT, missing: status.NOT_FOUND } as const;

export class DebugCalls {
  readonly #environment: DebugEnvironment;
  readonly #log: Log;
  readonly #streams = new WeakMap<AdsCall, DebugStream>();

  constructor(environment: DebugEnvironment, log: Log) {
    this.#environment = environment;
    this.#log = log;
  }

  /** Whether the call is one of these; then its request is answered. */
  takes(call: AdsCall, identity: WorkloadIdentity | undefined, request: DeltaRequest | SotwRequest): boolean {
    const isNew = !this.#streams.has(call);
    if (isNew && (request.node === undefined || !isDebugClient(request.node))) return false;
    this.#answer(call, identity, request).catch((error: unknown) => this.#refuse(call, error));
    return true;
  }

  async #answer(
    call: AdsCall,
    identity: WorkloadIdentity | undefined,
    request: DeltaRequest | SotwRequest,
  ): Promise<void> {
    const stream = this.#streams.get(call) ?? new DebugStream(identity, this.#environment);
    this.#streams.set(call, stream);
    const response = await stream.answer(request);
    if (response !== undefined && !call.cancelled) call.write(response);
  }

  #refuse(call: AdsCall, error: unknown): void {
    if (error instanceof RefusedRequest) return endCall(call, codes[error.reason], error.message);
    this.#log.error('a debug request cannot be answered', { reason: error instanceof Error ? error.stack : error });
    endCall(call, status.INTERNAL, 'a bug of the server');
  }
}
