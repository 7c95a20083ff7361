// Puts responses together from resources that are encoded already: bytes are copied once, to where they leave from.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/discovery/v3/discovery.proto
import type { PbfWriter } from 'pbf';
import type { TypeUrl } from '../../model/envoy/resource.ts';
import type { CachedResource } from '../codec/cache.ts';
import type { Aliases } from './aliases.ts';
import type { Dialect } from './requests.ts';
import { Topic } from '../../model/notes.ts';
import { wireTypes, writeTextField } from '../codec/scalars.ts';
import { lasting, written } from '../codec/written.ts';

export interface Push {
  readonly typeUrl: TypeUrl;
  readonly nonce: string;
  readonly resources: readonly CachedResource[];
  /** Names; the incremental protocol alone can say that something is gone. */
  readonly removed: readonly string[];
  /** Further names that a resource answers to, where there are any. */
  readonly aliases?: Pick<Aliases, 'of'> | undefined;
}

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

/** Of either dialect. */
export const responseOf = (dialect: Dialect, push: Push): Message =>
  dialect === 'delta' ? deltaResponse(push) : sotwResponse(push);

/** A DiscoveryResponse. */
function sotwResponse({ typeUrl, nonce, resources }: Push): Message {
  const chunks: Uint8Array[] = [written(writeTexts, [[1, nonce]])];
  for (const resource of resources) {
    const any = written(writeAnyHead, resource);
    chunks.push(lengthHead(2, any.length + resource.bytes.length), any, resource.bytes);
  }
  const tail: readonly Text[] = [
    [4, typeUrl],
    [5, nonce],
  ];
  chunks.push(written(writeTexts, tail));
  return new Pieces(chunks);
}

/** A DeltaDiscoveryResponse. */
function deltaResponse({ typeUrl, nonce, resources, removed, aliases }: Push): Message {
  const chunks: Uint8Array[] = [];
  for (const resource of resources) {
    const others = aliases?.of(resource.name) ?? [];
    chunks.push(others.length > 0 ? entryHeadWith(resource, others) : entryHead(resource), resource.bytes);
  }
  const tail: Text[] = [
    [4, typeUrl],
    [5, nonce],
  ];
  for (const name of removed) tail.push([6, name]);
  chunks.push(written(writeTexts, tail));
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
  const { version, name, bytes } = resource;
  const any = written(writeAnyHead, resource);
  const texts: Text[] = [
    [1, version],
    [3, name],
  ];
  for (const alias of aliases) texts.push([4, alias]);
  const start = [written(writeTexts, texts), lengthHead(2, any.length + bytes.length), any];
  const length = start.reduce((sum, piece) => sum + piece.length, bytes.length);
  return Buffer.concat([lengthHead(2, length), ...start]);
}

type Text = readonly [field: number, text: string];

function writeTexts(texts: readonly Text[], writer: PbfWriter): void {
  for (const [field, text] of texts) writeTextField(writer, field, text);
}

/** An Any up to its value's bytes: 1 type_url, 2 value. */
function writeAnyHead({ type, bytes }: CachedResource, writer: PbfWriter): void {
  writeTextField(writer, 1, type);
  writeLength([2, bytes.length], writer);
}

function writeLength([field, length]: readonly [field: number, length: number], writer: PbfWriter): void {
  writer.writeTag(field, wireTypes.delimited);
  writer.writeVarint(length);
}

const lengthHead = (field: number, length: number): Uint8Array => written(writeLength, [field, length]);
