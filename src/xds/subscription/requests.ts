// Reads what a proxy sends on an ADS stream, within limits: DiscoveryRequest and DeltaDiscoveryRequest.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/discovery/v3/discovery.proto
import protobuf from 'protobufjs';
import type { NodeInfo, TypeUrl } from '../../model/envoy/resource.ts';
import type { JsonObject } from '../codec/print.ts';
import { resourceTypes } from '../../model/envoy/resource.ts';
import { print } from '../codec/print.ts';

export type Dialect = 'delta' | 'sotw';

export interface RequestLimits {
  /** Of names in one request, and of those that one subscription holds. */
  readonly names: number;
  /** Of one name, in UTF-16 units. */
  readonly nameLength: number;
}

interface AnyRequest {
  readonly typeUrl: TypeUrl;
  /** Of the response that this acknowledges; '' if none. */
  readonly nonce: string;
  /** Why that response is rejected. */
  readonly error: string | undefined;
  readonly node: NodeInfo | undefined;
}

/** State of the world: the names are all that the proxy wants. */
export interface SotwRequest extends AnyRequest {
  readonly names: readonly string[];
}

/** Incremental: the names are what the proxy wants more, and no longer. */
export interface DeltaRequest extends AnyRequest {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** What the proxy still has from an earlier stream: name to version. */
  readonly versions: ReadonlyMap<string, string>;
}

/** The proxy's mistake: it asked for what cannot be served. */
export class InvalidRequest extends Error {
  override readonly name = 'InvalidRequest';
}

/** Reads a request of either dialect. Throws an InvalidRequest. */
export const readRequest = (dialect: Dialect, bytes: Uint8Array, limits: RequestLimits): DeltaRequest | SotwRequest =>
  dialect === 'delta' ? deltaRequest(bytes, limits) : sotwRequest(bytes, limits);

/** While it is read. */
type Draft<R> = { -readonly [K in keyof R]: R[K] };

const unread = { typeUrl: '', nonce: '', error: undefined, node: undefined };

/** Throws an InvalidRequest. */
function sotwRequest(bytes: Uint8Array, limits: RequestLimits): SotwRequest {
  const names: string[] = [];
  const request: Draft<SotwRequest> = { ...unread, names };
  readMessage(bytes, (field, reader) => {
    if (field === 2) request.node = nodeInfo(reader.bytes());
    else if (field === 3) addName(names, reader, limits);
    else if (field === 4) request.typeUrl = typeUrl(reader.string());
    else if (field === 5) request.nonce = reader.string();
    else if (field === 6) request.error = statusMessage(reader.bytes());
    else reader.skipType(delimited);
  });
  return request;
}

/** Throws an InvalidRequest. */
function deltaRequest(bytes: Uint8Array, limits: RequestLimits): DeltaRequest {
  const [subscribe, unsubscribe, versions] = [[] as string[], [] as string[], new Map<string, string>()];
  const request: Draft<DeltaRequest> = { ...unread, subscribe, unsubscribe, versions };
  readMessage(bytes, (field, reader) => {
    if (field === 1) request.node = nodeInfo(reader.bytes());
    else if (field === 2) request.typeUrl = typeUrl(reader.string());
    else if (field === 3) addName(subscribe, reader, limits);
    else if (field === 4) addName(unsubscribe, reader, limits);
    else if (field === 5) addVersion(versions, reader.bytes(), limits);
    else if (field === 6) request.nonce = reader.string();
    else if (field === 7) request.error = statusMessage(reader.bytes());
    else reader.skipType(delimited);
  });
  return request;
}

const delimited = 2;

/** Fields with a length, which all of ours are, are left to `readField`. */
function readMessage(bytes: Uint8Array, readField: (field: number, reader: protobuf.Reader) => void): void {
  try {
    const reader = protobuf.Reader.create(bytes);
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if ((tag & 7) === delimited) readField(tag >>> 3, reader);
      else reader.skipType(tag & 7);
    }
  } catch (error) {
    if (error instanceof InvalidRequest) throw error;
    throw new InvalidRequest('the request cannot be read', { cause: error });
  }
}

/** The very string that everybody compares with. */
const typeUrl = (url: string): TypeUrl => knownTypes.get(url) ?? url;
const knownTypes = new Map<string, TypeUrl>(Object.values(resourceTypes).map((url) => [url, url]));

function addName(names: string[], reader: protobuf.Reader, limits: RequestLimits): void {
  names.push(checkedName(reader.string(), limits));
  if (names.length > limits.names) throw new InvalidRequest(`more than ${limits.names} names`);
}

function addVersion(versions: Map<string, string>, bytes: Uint8Array, limits: RequestLimits): void {
  let name = '';
  let version = '';
  readMessage(bytes, (field, reader) => {
    if (field === 1) name = checkedName(reader.string(), limits);
    else if (field === 2) version = reader.string();
    else reader.skipType(delimited);
  });
  versions.set(name, version);
  if (versions.size > limits.names) throw new InvalidRequest(`more than ${limits.names} names`);
}

function checkedName(name: string, limits: RequestLimits): string {
  if (name.length > limits.nameLength) throw new InvalidRequest(`a name longer than ${limits.nameLength} characters`);
  return name;
}

function statusMessage(bytes: Uint8Array): string {
  let message = '';
  readMessage(bytes, (field, reader) => {
    if (field === 2) message = reader.string();
    else reader.skipType(delimited);
  });
  return message === '' ? 'rejected without a reason' : message;
}

function nodeInfo(bytes: Uint8Array): NodeInfo {
  const node = print('envoy.config.core.v3.Node', bytes) as JsonObject;
  const locality = node['locality'] as JsonObject | undefined;
  return {
    id: (node['id'] ?? '') as string,
    cluster: (node['cluster'] ?? '') as string,
    metadata: (node['metadata'] ?? {}) as JsonObject,
    ...(locality !== undefined && { locality: localityInfo(locality) }),
  };
}

function localityInfo(locality: JsonObject): NonNullable<NodeInfo['locality']> {
  const { region, zone, subZone } = locality as Readonly<Record<string, string>>;
  return {
    ...(region !== undefined && { region }),
    ...(zone !== undefined && { zone }),
    ...(subZone !== undefined && { sub_zone: subZone }),
  };
}
