// The calls of those who look into the control plane, beside those of proxies on the same service: told apart by their
// first request.
import type { WorkloadIdentity } from '../../model/proxy/identity.ts';
import type { Log } from '../log.ts';
import type { Authenticate } from '../server-options.ts';
import type { AdsCall } from '../grpc/service.ts';
import type { DeltaRequest, SotwRequest } from '../subscription/requests.ts';
import type { DebugSource } from '../../model/proxy/debug.ts';
import { status } from '@grpc/grpc-js';
import { endCall } from '../grpc/service.ts';
import { DebugStream, isDebugClient, RefusedRequest } from './debug-stream.ts';

const codes = { denied: status.UNAUTHENTICATED, invalid: status.INVALID_ARGUMENT, missing: status.NOT_FOUND } as const;

export class DebugCalls {
  readonly #source: DebugSource;
  readonly #log: Log;
  readonly #authenticate: Authenticate | undefined;
  readonly #streams = new WeakMap<AdsCall, Promise<DebugStream>>();

  /** `authenticate`: for those whom nobody has asked yet who they are, at the port without TLS. */
  constructor(source: DebugSource, authenticate: Authenticate | undefined, log: Log) {
    this.#source = source;
    this.#authenticate = authenticate;
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
    const known = this.#streams.get(call) ?? this.#opened(call, identity);
    this.#streams.set(call, known);
    const stream = await known;
    const response = await stream.answer(request);
    if (response !== undefined && !call.cancelled) call.write(response);
  }

  async #opened(call: AdsCall, known: WorkloadIdentity | undefined): Promise<DebugStream> {
    const shows = call.metadata.get('authorization').length > 0;
    const identity = known ?? (shows ? await this.#authenticate?.(call.metadata, undefined) : undefined);
    return new DebugStream({ identity, peer: call.getPeer() }, this.#source);
  }

  #refuse(call: AdsCall, error: unknown): void {
    if (error instanceof RefusedRequest) return endCall(call, codes[error.reason], error.message);
    this.#log.error('a debug request cannot be answered', { reason: error instanceof Error ? error.stack : error });
    endCall(call, status.INTERNAL, 'a bug of the server');
  }
}
