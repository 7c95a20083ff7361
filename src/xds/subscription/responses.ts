// Puts responses together from resources that are encoded already: bytes are copied once, to where they leave from.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/discovery/v3/discovery.proto
import protobuf from 'protobufjs';
import type { TypeUrl } from '../../model/envoy/resource.ts';
import type { CachedResource } from '../codec/cache.ts';
import { Topic } from '../../model/notes.ts';
import { lasting } from '../codec/written.ts';

export interface Push {
  readonly typeUrl: TypeUrl;
  readonly nonce: string;
  readonly resources: readonly CachedResource[];
  /** Names; the incremental protocol alone can say that something is gone. */
  readonly removed: readonly string[];
  /** Further names that a resource answers to, where there are any. */
  readonly aliases?: (name: string) => readonly string[];
}

const delimited = 2;
const tag = (field: number): number => (field << 3) | delimited;

/** What a Buffer has that whoever sends it needs: a response of a megabyte is not copied only to be copied again. */
export interface Message {
  readonly byteLength: number;
  /** Puts all of it there, from `at` on. */
  copy(target: Uint8Array, at?: number): number;
}

/** Bytes that are to follow each other. */
class Pieces implements Message {
  readonly byteLength: number;
  readonly #pieces: readonly Uint8Array[];

  constructor(pieces: readonly Uint8Array[]) {
    this.#pieces = pieces;
    this.byteLength = pieces.reduce((sum, { length }) => sum + length, 0);
  }

  copy(target: Uint8Array, at = 0): number {
    let end = at;
    for (const piece of this.#pieces) {
      target.set(piece, end);
      end += piece.length;
    }
    return this.byteLength;
  }
}

/** A DiscoveryResponse. */
export function sotwResponse({ typeUrl, nonce, resources }: Push): Message {
  const head = protobuf.Writer.create().uint32(tag(1)).string(nonce).finish();
  const chunks: Uint8Array[] = [head];
  for (const resource of resources) {
    const any = anyHead(resource);
    chunks.push(lengthHead(2, any.length + resource.bytes.length), any, resource.bytes);
  }
  chunks.push(protobuf.Writer.create().uint32(tag(4)).string(typeUrl).uint32(tag(5)).string(nonce).finish());
  return new Pieces(chunks);
}

/** A DeltaDiscoveryResponse. */
export function deltaResponse({ typeUrl, nonce, resources, removed, aliases }: Push): Message {
  const chunks: Uint8Array[] = [];
  for (const resource of resources) {
    const others = aliases?.(resource.name) ?? [];
    chunks.push(others.length > 0 ? entryHeadWith(resource, others) : entryHead(resource), resource.bytes);
  }
  const tail = protobuf.Writer.create().uint32(tag(4)).string(typeUrl).uint32(tag(5)).string(nonce);
  for (const name of removed) tail.uint32(tag(6)).string(name);
  chunks.push(tail.finish());
  return new Pieces(chunks);
}

const entryHeads = new Topic<Uint8Array>();

function entryHead(resource: CachedResource): Uint8Array {
  let head = entryHeads.of(resource);
  if (head === undefined) entryHeads.note(resource, (head = lasting(entryHeadWith(resource, []))));
  return head;
}

/** All of a delta response's entry for this resource but its bytes, which come last: 1 version, 3 name, 4 aliases, 2 the Any. */
function entryHeadWith(resource: CachedResource, aliases: readonly string[]): Uint8Array {
  const any = anyHead(resource);
  const inner = protobuf.Writer.create().uint32(tag(1)).string(resource.version).uint32(tag(3)).string(resource.name);
  for (const alias of aliases) inner.uint32(tag(4)).string(alias);
  const start = Buffer.concat([inner.finish(), lengthHead(2, any.length + resource.bytes.length), any]);
  return Buffer.concat([lengthHead(2, start.length + resource.bytes.length), start]);
}

/** An Any up to its value's bytes: 1 type_url, 2 value. */
function anyHead({ type, bytes }: CachedResource): Uint8Array {
  return protobuf.Writer.create().uint32(tag(1)).string(type).uint32(tag(2)).uint32(bytes.length).finish();
}

function lengthHead(field: number, length: number): Uint8Array {
  return protobuf.Writer.create().uint32(tag(field)).uint32(length).finish();
}
