// The xDS server: accepts ADS streams, makes each proxy's configuration, and when the mesh has changed makes all of
// them anew and sends the differences. One push cycle at a time; what changes meanwhile is the next one's.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol
import type { WorkloadIdentity } from '../model/proxy/identity.ts';
import type { Delivery } from '../model/proxy/delivery.ts';
import type { NodeInfo, TypeUrl } from '../model/envoy/resource.ts';
import type { Limits } from './admission/limits.ts';
import type { Rejection } from './subscription/quarantine.ts';
import type { Dialect } from './subscription/requests.ts';
import type { AdsCall } from './grpc/service.ts';
import type { ProxyStatus, ServerCounters } from './status.ts';
import type { StreamEnvironment } from './environment.ts';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { invariant } from '../model/invariant.ts';
import { proxyName } from '../model/proxy/proxy-status.ts';
import { refusal } from './admission/admission.ts';
import { breather } from './admission/breather.ts';
import { DebugCalls } from './debug/debug-calls.ts';
import { tlsCredentials } from './grpc/credentials.ts';
import { encodeCount } from './codec/cache.ts';
import { readDefinitions } from './codec/descriptors.ts';
import { resourceEncoder } from './codec/encoder.ts';
import { defaultLimits, serverOptions } from './admission/limits.ts';
import { Ledger } from './ledger.ts';
import { takesHosts } from './subscription/pushed-hosts.ts';
import { healthInformation } from './presence.ts';
import { Quarantine } from './subscription/quarantine.ts';
import { bind, shutDown } from './grpc/listening.ts';
import { InvalidRequest, readRequest } from './subscription/requests.ts';
import { adsService, endCall } from './grpc/service.ts';
import { StartingQueue } from './admission/starting-queue.ts';
import { ProxyStream } from './stream.ts';
import type { Authenticate, FurtherService, XdsServer, XdsServerOptions } from './server-options.ts';
import { refusals, standingRejections } from './subscription/refusals.ts';
import { isComplete, Turnstile } from './admission/turnstile.ts';

export type { Authenticate, FurtherService, XdsServer, XdsServerOptions };

export function createXdsServer(options: XdsServerOptions): XdsServer {
  const guarded = options.tls !== undefined && options.authenticate !== undefined;
  invariant(guarded || options.plaintext === true, 'a port without TLS or authentication has to be asked for');
  return new AdsServer(options);
}

/** How long proxies that come keep everything else waiting, and a push cycle them, in milliseconds. */
const sliceMs = 5;
/** The same of a push cycle alone: what waits for it is mostly answers to what it has sent, and who comes last in it waits for these. */
const quietSliceMs = 20;

/** Who calls, if that was to be proven; a call that is refused has ended. */
type Authenticated = (call: AdsCall) => Promise<WorkloadIdentity | undefined | 'refused'>;

class AdsServer implements XdsServer {
  readonly #options: XdsServerOptions;
  readonly #limits: Limits;
  readonly #server: Server;
  #plaintext: Server | undefined;
  readonly #environment: StreamEnvironment;
  readonly #quarantine: Quarantine;
  readonly #streams = new Map<AdsCall, ProxyStream>();
  readonly #turnstile: Turnstile<AdsCall>;
  readonly #starting = new StartingQueue<AdsCall>(sliceMs);
  readonly #debug: DebugCalls | undefined;
  readonly #counters = { bugs: 0, cycles: 0 };
  readonly #ledger: Ledger;
  /** When what the next cycle takes to the proxies has changed. */
  #changedAt = 0;
  #calls = 0;
  #opened = 0;
  #cycle: Promise<void> = Promise.resolve();
  #nextCycle: Promise<void> | undefined;
  #swept = 1000;
  #closing = false;

  constructor(options: XdsServerOptions) {
    this.#options = options;
    const encode = resourceEncoder(options.log, () => this.#counters.bugs++);
    const { onRejected, substitutes } = options;
    this.#quarantine = new Quarantine({
      encode,
      ...(onRejected !== undefined && { onRejected }),
      ...(substitutes !== undefined && { substitutes }),
    });
    this.#limits = { ...defaultLimits, ...options.limits };
    const { starting: most, startingPatience: patience } = this.#limits;
    this.#turnstile = new Turnstile({ most, patience });
    const { debug, now = Date.now } = options;
    this.#ledger = new Ledger(now, options.observer);
    this.#debug = debug && new DebugCalls(debug, options.authenticate, options.log);
    this.#server = this.#serving((call) => this.#authenticated(call));
    for (const { definition, implementation } of options.services ?? [])
      this.#server.addService(definition, implementation);
    this.#environment = {
      encode,
      quarantine: this.#quarantine,
      secrets: options.secrets,
      takesHosts: options.takesHosts ?? takesHosts,
      limits: this.#limits,
      now,
      cycle: () => this.#counters.cycles,
      onSent: this.#ledger.onSent,
      onSettled: this.#ledger.onSettled,
      onNack: (type, node, error) =>
        options.log.warn('a proxy rejects its configuration', { type, node: node.id, error }),
    };
  }

  listen(address: string): Promise<number> {
    readDefinitions();
    const { tls } = this.#options;
    return bind(this.#server, address, tls === undefined ? ServerCredentials.createInsecure() : tlsCredentials(tls));
  }

  /** A server of its own: it has no other services, and tells its calls from those that can prove something. */
  listenPlaintext(address: string): Promise<number> {
    this.#plaintext ??= this.#serving((call) => Promise.resolve(void call));
    return bind(this.#plaintext, address, ServerCredentials.createInsecure());
  }

  #serving(authenticated: Authenticated): Server {
    const server = new Server(serverOptions(this.#limits));
    server.addService(adsService, {
      StreamAggregatedResources: (call: AdsCall) => void this.#accept('sotw', call, authenticated),
      DeltaAggregatedResources: (call: AdsCall) => void this.#accept('delta', call, authenticated),
    });
    return server;
  }

  update(): Promise<void> {
    if (this.#nextCycle === undefined) this.#changedAt = this.#environment.now();
    const begin = (): Promise<void> => {
      this.#cycle = this.#pushAll();
      this.#nextCycle = undefined;
      return this.#cycle;
    };
    // A cycle that failed is not the last.
    return (this.#nextCycle ??= this.#cycle.then(begin, begin));
  }

  status(): readonly ProxyStatus[] {
    return [...this.#streams.values()].map((stream) => stream.status());
  }

  held(connection: string): ReadonlyMap<TypeUrl, readonly string[]> | undefined {
    return [...this.#streams.values()].find((stream) => stream.connection === connection)?.held();
  }

  rejections(): readonly Rejection[] {
    const layers = [...this.#streams.values()].flatMap((stream) => stream.layers());
    return standingRejections(layers, this.#quarantine, this.#environment.encode);
  }

  delivery(): Delivery {
    const proxies = [...this.#streams.values()].map((stream) => stream.delivery());
    return { proxies, refusals: refusals(proxies, this.#quarantine, this.#environment.encode) };
  }

  counters(): ServerCounters {
    return { ...this.#counters, ...this.#ledger.counters, streams: this.#streams.size };
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const call of this.#streams.keys()) endCall(call, status.UNAVAILABLE, 'the server is going away');
    await Promise.all([this.#server, ...(this.#plaintext === undefined ? [] : [this.#plaintext])].map(shutDown));
  }

  async #pushAll(): Promise<void> {
    this.#counters.cycles++;
    const breathe = breather(() => (this.#starting.isBusy ? sliceMs : quietSliceMs));
    const changedAt = this.#changedAt;
    const before = encodeCount();
    for (const stream of this.#streams.values()) {
      this.#ledger.convergence.during(stream.connection, changedAt, () => this.#configure(stream));
      await breathe();
    }
    this.#options.observer?.cycle(this.#environment.now() - changedAt, encodeCount() - before);
    if (this.#quarantine.size > 2 * this.#swept) this.#sweep();
  }

  /** The one place that catches bugs of the translation: the proxy keeps what it has. */
  #configure(stream: ProxyStream): void {
    try {
      stream.configure(this.#options.translate(stream.node));
    } catch (error) {
      this.#counters.bugs++;
      const reason = error instanceof Error ? error.stack : String(error);
      this.#options.log.error('a configuration cannot be made', { node: stream.node.id, reason });
    }
  }

  async #accept(dialect: Dialect, call: AdsCall, authenticated: Authenticated): Promise<void> {
    call.on('error', () => this.#forget(call));
    call.on('cancelled', () => this.#forget(call));
    call.on('close', () => this.#forget(call));
    if (this.#closing) return endCall(call, status.UNAVAILABLE, 'the server is going away');
    if (this.#calls >= this.#limits.streams) return endCall(call, status.RESOURCE_EXHAUSTED, 'too many streams');
    this.#calls++;
    call.on('close', () => this.#calls--);
    const identity = await authenticated(call);
    if (identity === 'refused' || call.cancelled) return;
    call.on('data', (bytes: Buffer) => this.#take(call, () => this.#receive(dialect, call, identity, bytes)));
    call.on('drain', () => this.#streams.get(call)?.drained());
    call.on('end', () => this.#take(call, () => (this.#forget(call), call.end())));
  }

  async #authenticated(call: AdsCall): Promise<WorkloadIdentity | undefined | 'refused'> {
    const { authenticate } = this.#options;
    if (authenticate === undefined) return undefined;
    try {
      const identity = await authenticate(call.metadata, call.getAuthContext().sslPeerCertificate);
      if (identity !== undefined) return identity;
      endCall(call, status.UNAUTHENTICATED, 'no valid credentials');
    } catch (error) {
      this.#options.log.error('a proxy cannot be authenticated', { peer: call.getPeer(), reason: String(error) });
      endCall(call, status.UNAVAILABLE, 'authentication is out of order');
    }
    return 'refused';
  }

  /** Whoever has all it needs is heard at once. */
  #take(call: AdsCall, receive: () => void): void {
    const isStarting = !this.#streams.has(call) || this.#turnstile.holds(call) || this.#starting.holds(call);
    if (isStarting) this.#starting.add(call, () => call.cancelled || call.destroyed || receive());
    else receive();
  }

  #receive(dialect: Dialect, call: AdsCall, identity: WorkloadIdentity | undefined, bytes: Buffer): void {
    try {
      const request = readRequest(dialect, bytes, this.#limits);
      if (this.#debug?.takes(call, identity, request) === true) return;
      const stream = this.#streams.get(call) ?? this.#open(dialect, call, identity, request.node);
      if (stream === undefined) return;
      if (request.typeUrl === healthInformation) return this.#options.presence?.health(stream.client, request.error);
      stream.request(request);
      if (this.#turnstile.holds(call) && isComplete(stream.status())) this.#turnstile.leave(call);
    } catch (error) {
      this.#forget(call);
      if (error instanceof InvalidRequest) return endCall(call, status.INVALID_ARGUMENT, error.message);
      this.#counters.bugs++;
      this.#options.log.error('a request cannot be answered', { reason: error instanceof Error ? error.stack : error });
      endCall(call, status.INTERNAL, 'a bug of the server');
    }
  }

  /** At a stream's first request, the only one that has to say which node sends it. */
  #open(
    dialect: Dialect,
    call: AdsCall,
    identity: WorkloadIdentity | undefined,
    node: NodeInfo | undefined,
  ): ProxyStream | undefined {
    if (node === undefined) throw new InvalidRequest('the first request names no node');
    const refused = identity === undefined ? undefined : refusal(node, identity);
    if (refused !== undefined) {
      this.#options.onImpostor?.(node);
      endCall(call, status.PERMISSION_DENIED, refused);
      return undefined;
    }
    const connection = `${proxyName(node)}-${++this.#opened}`;
    const stream = new ProxyStream(dialect, { node, identity, connection, peer: call.getPeer() }, this.#environment, {
      write: (response) => call.write(response),
      isClosed: true,
    });
    this.#streams.set(call, stream);
    this.#options.presence?.connected(stream.client);
    this.#configure(stream);
    this.#turnstile.arrive(call, () => stream.drained());
    return stream;
  }

  #forget(call: AdsCall): void {
    const stream = this.#streams.get(call);
    stream?.close();
    if (stream === undefined) return;
    this.#turnstile.leave(call);
    this.#ledger.convergence.forget(stream.connection);
    this.#streams.delete(call);
    this.#options.presence?.left(stream.client);
  }

  #sweep(): void {
    this.#quarantine.retainLayers([...this.#streams.values()].flatMap((stream) => stream.layers()));
    this.#swept = Math.max(1000, this.#quarantine.size);
  }
}
