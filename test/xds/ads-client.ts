// A proxy for tests: speaks ADS to a real server over a real connection, request by request.
import type { ChannelCredentials, ClientDuplexStream, StatusObject } from '@grpc/grpc-js';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import type { JsonObject } from '../../src/xds/codec/print.ts';
import { encodeMessage } from '../../src/xds/codec/encode.ts';
import { print } from '../../src/xds/codec/print.ts';
import { adsService } from '../../src/xds/grpc/service.ts';

export interface DeltaResponse {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources?: readonly {
    readonly name: string;
    readonly aliases?: readonly string[];
    readonly version: string;
    readonly resource: JsonObject;
  }[];
  readonly removedResources?: readonly string[];
}

export interface SotwResponse {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly versionInfo: string;
  readonly resources?: readonly JsonObject[];
}

const discovery = 'envoy.service.discovery.v3';
export const node = {
  id: 'sidecar~10.0.0.1~web-1.shop~shop.svc.cluster.local',
  metadata: { NAMESPACE: 'shop', SERVICE_ACCOUNT: 'web' },
};

abstract class AdsClient<Response extends { readonly typeUrl: string; readonly nonce: string }> {
  readonly #client: Client;
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  readonly #requestType: string;
  readonly #received: Response[] = [];
  #wake: (() => void) | undefined;
  /** How the stream ended. */
  readonly ended: Promise<StatusObject>;
  #firstRequest = true;
  readonly node: object;

  constructor(port: number, dialect: 'Delta' | 'Stream', options: ClientOptions) {
    const { token, node: as, channel } = { node, channel: credentials.createInsecure(), ...options };
    this.node = as;
    this.#client = new Client(`localhost:${port}`, channel, options.target ?? {});
    const metadata = new Metadata();
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
    const method = adsService[`${dialect}AggregatedResources`];
    this.#requestType = `${discovery}.${dialect === 'Delta' ? 'Delta' : ''}DiscoveryRequest`;
    const responseType = `${discovery}.${dialect === 'Delta' ? 'Delta' : ''}DiscoveryResponse`;
    this.#call = this.#client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      metadata,
    );
    this.#call.on('data', (bytes: Buffer) => {
      this.#received.push(print(responseType, bytes) as unknown as Response);
      this.#wake?.();
    });
    this.#call.on('error', () => {});
    this.ended = new Promise((resolve) => this.#call.on('status', resolve));
  }

  /** The node goes with the first request alone, as Envoy does it. */
  send(request: object): void {
    const message = this.#firstRequest ? { node: this.node, ...request } : request;
    this.#firstRequest = false;
    this.#call.write(Buffer.from(encodeMessage(this.#requestType, message)));
  }

  raw(bytes: Uint8Array): void {
    this.#call.write(Buffer.from(bytes));
  }

  async next(): Promise<Response> {
    while (this.#received.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#received.shift()!;
  }

  /** The next response; of a type that the test expects. */
  async nextOf(type: string): Promise<Response> {
    const response = await this.next();
    if (response.typeUrl !== type) throw new Error(`a response of ${response.typeUrl}: ${JSON.stringify(response)}`);
    return response;
  }

  /** Resolves if the server has nothing to send: the answer to a question about nothing comes first. */
  async quiet(): Promise<void> {
    const probe = `type.googleapis.com/test.Probe${++probes}`;
    this.askNothing(probe);
    const response = await this.next();
    if (response.typeUrl !== probe) throw new Error(`not quiet: ${JSON.stringify(response)}`);
  }

  /** Stops and goes on reading, so that the server's writes pile up. */
  pause(): void {
    this.#call.pause();
  }
  resume(): void {
    this.#call.resume();
  }

  /** Sends no more, and leaves it to the server to end the stream. */
  end(): void {
    this.#call.end();
  }

  close(): void {
    this.#call.cancel();
    this.#client.close();
  }

  protected abstract askNothing(type: string): void;
}

let probes = 0;

export interface ClientOptions {
  readonly token?: string;
  readonly node?: object;
  readonly channel?: ChannelCredentials;
  readonly target?: object;
}

export class DeltaClient extends AdsClient<DeltaResponse> {
  constructor(port: number, options: ClientOptions = {}) {
    super(port, 'Delta', options);
  }

  subscribe(type: string, ...names: readonly string[]): void {
    this.send({ type_url: type, resource_names_subscribe: names });
  }
  unsubscribe(type: string, ...names: readonly string[]): void {
    this.send({ type_url: type, resource_names_unsubscribe: names });
  }
  ack({ typeUrl, nonce }: DeltaResponse): void {
    this.send({ type_url: typeUrl, response_nonce: nonce });
  }
  nack({ typeUrl, nonce }: DeltaResponse, message: string): void {
    this.send({ type_url: typeUrl, response_nonce: nonce, error_detail: { code: 13, message } });
  }
  /** Receives a response of this type and acknowledges it. */
  async accept(type: string): Promise<DeltaResponse> {
    const response = await this.nextOf(type);
    this.ack(response);
    return response;
  }
  protected askNothing(type: string): void {
    this.subscribe(type, 'nothing');
  }
}

export class SotwClient extends AdsClient<SotwResponse> {
  constructor(port: number, options: ClientOptions = {}) {
    super(port, 'Stream', options);
  }

  want(type: string, names: readonly string[], last?: SotwResponse): void {
    const seen = last === undefined ? {} : { response_nonce: last.nonce, version_info: last.versionInfo };
    this.send({ type_url: type, resource_names: names, ...seen });
  }
  nack(response: SotwResponse, names: readonly string[], message: string): void {
    const { typeUrl, nonce } = response;
    this.send({ type_url: typeUrl, resource_names: names, response_nonce: nonce, error_detail: { code: 13, message } });
  }
  async accept(type: string, names: readonly string[] = []): Promise<SotwResponse> {
    const response = await this.nextOf(type);
    this.want(type, names, response);
    return response;
  }
  protected askNothing(type: string): void {
    this.want(type, ['nothing']);
  }
}

export const names = (response: DeltaResponse): readonly string[] => (response.resources ?? []).map(({ name }) => name);
/** Sorted: the order within a state means nothing. */
export const sotwNames = (response: SotwResponse): readonly string[] =>
  (response.resources ?? []).map(({ name, clusterName }) => (name ?? clusterName) as string).toSorted();
