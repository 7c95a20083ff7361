// Merging as protobuf does it: fields that are set replace or extend those that are there. A zero is not set where
// zeros cannot be told from nothing, so that false inside a wrapper does not take a true away, as with Istio.
// https://protobuf.dev/reference/cpp/api-docs/google.protobuf.message/#Message.MergeFrom
import type { FieldDescriptor, MessageDescriptor, MessageTypes } from '../../model/message/descriptor.ts';
import { isFields } from '../../model/message/canonical.ts';
import type { SourceRef } from '../../model/source.ts';
import { from, merge } from '../provenance.ts';

type Fields = Readonly<Record<string, unknown>>;

export interface Merging {
  readonly source: SourceRef;
  /** Whether a list takes the place of the one before instead of following it. */
  readonly replaceLists: boolean;
}

/** `patch` merged into `message`, both of this type and in canonical form. Neither is changed. */
export function mergeMessages(type: MessageDescriptor, message: object, patch: object, merging: Merging): object {
  let result = message;
  for (const [name, value] of Object.entries(patch)) {
    const field = type.byName.get(name);
    if (field === undefined || isUnset(field, value)) continue;
    const before = (result as Fields)[name];
    const merged = before === undefined ? value : mergeField(field, before, value, merging);
    // What a field is made of inside keeps its own causes; the field itself has now been touched by the patch.
    const whole = before === undefined || !isFields(before);
    const part = whole ? from(merging.source, { [name]: merged }) : { [name]: merged };
    result = merge<object>(withoutRivals(type, field, result), part);
  }
  return result;
}

/** A message of a type of its own inside an Any; undefined if the types differ: then there is nothing to merge. */
export function mergeAny(types: MessageTypes, any: unknown, patch: unknown, merging: Merging): object | undefined {
  if (!isFields(any) || !isFields(patch)) return undefined;
  const { '@type': url, ...message } = any;
  const { '@type': patchUrl, ...fields } = patch;
  const type =
    typeof url === 'string' && url === patchUrl ? types.find(url.slice(url.lastIndexOf('/') + 1)) : undefined;
  if (type === undefined) return undefined;
  if (type.wellKnown !== undefined) return patch;
  return merge<object>({ '@type': url }, mergeMessages(type, message, fields, merging));
}

function isUnset({ cardinality, presence, type }: FieldDescriptor, value: unknown): boolean {
  if (cardinality !== 'single' || presence || type.kind === 'message') return false;
  if (type.kind === 'enum') return typeof value === 'string' && type.enum.numbers.get(value) === 0;
  return value === 0 || value === '' || value === false || (value === '0' && type.scalar !== 'string');
}

/** A oneof has one member at a time. */
function withoutRivals(type: MessageDescriptor, { name, oneof }: FieldDescriptor, message: object): object {
  if (oneof === undefined) return message;
  const kept: Record<string, unknown> = { ...message };
  for (const other of type.fields) if (other.oneof === oneof && other.name !== name) delete kept[other.name];
  return kept;
}

function mergeField(field: FieldDescriptor, before: unknown, value: unknown, merging: Merging): unknown {
  if (field.cardinality === 'map') return { ...(before as object), ...(value as object) };
  if (field.cardinality === 'repeated')
    return merging.replaceLists ? value : [...(before as readonly unknown[]), ...(value as readonly unknown[])];
  return field.type.kind === 'message' ? mergeSingle(field.type.message, before, value, merging) : value;
}

function mergeSingle(type: MessageDescriptor, before: unknown, value: unknown, merging: Merging): unknown {
  switch (type.wellKnown) {
    case undefined:
      return mergeMessages(type, before as object, value as object, merging);
    case 'struct':
      return { ...(before as object), ...(value as object) };
    case 'list':
      return [...(before as readonly unknown[]), ...(value as readonly unknown[])];
    case 'wrapper':
      return type.fields[0] !== undefined && isUnset(type.fields[0], value) ? before : value;
    default:
      return value;
  }
}
