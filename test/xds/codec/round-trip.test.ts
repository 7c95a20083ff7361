// Any message that can be written reads back as the same message.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FieldDescriptor, FieldType, MessageDescriptor, ScalarType } from '../../../src/xds/codec/descriptors.ts';
import type { JsonObject } from '../../../src/xds/codec/print.ts';
import { messageDescriptor } from '../../../src/xds/codec/descriptors.ts';
import { encodeMessage } from '../../../src/xds/codec/encode.ts';
import { print } from '../../../src/xds/codec/print.ts';

const maxDepth = 4;
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 });
const json = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);
const seconds = fc.integer({ min: 0, max: 1e6 }).map((value) => `${value}s`);

const wellKnown: Record<string, fc.Arbitrary<unknown>> = {
  any: fc.record({ '@type': fc.constant('type.googleapis.com/google.protobuf.Duration'), value: seconds }),
  struct: fc.dictionary(text, json, { maxKeys: 3 }),
  value: json,
  list: fc.array(json, { maxLength: 3 }),
  duration: seconds,
  timestamp: fc.constant('2026-01-02T03:04:05.600Z'),
  'field-mask': fc.constant('a,bC.d'),
};

const scalars: Partial<Record<ScalarType, fc.Arbitrary<unknown>>> = {
  bool: fc.constant(true),
  string: text,
  bytes: fc.uint8Array({ minLength: 1, maxLength: 5 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  double: fc.double({ noDefaultInfinity: true, noNaN: true, min: 0.001 }),
  float: fc.integer({ min: 1, max: 1000 }).map((value) => value / 8),
  uint32: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  int32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).filter((value) => value !== 0),
  uint64: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }).map(String),
  int64: fc.bigInt({ min: -(2n ** 63n), max: -1n }).map(String),
};

function messages(message: MessageDescriptor, depth: number): fc.Arbitrary<unknown> {
  if (message.wellKnown === 'wrapper') return values(message.fields[0]!.type, depth);
  if (message.wellKnown !== undefined) return wellKnown[message.wellKnown]!;
  if (depth > maxDepth) return fc.constant({});
  return fc.subarray([...message.fields], { maxLength: Math.min(4, message.fields.length) }).chain((chosen) => {
    const kept = chosen.filter((field, index) => !chosen.slice(0, index).some((other) => sameOneof(field, other)));
    return fc.record(Object.fromEntries(kept.map((field) => [field.name, fields(field, depth)])));
  });
}

const sameOneof = (a: FieldDescriptor, b: FieldDescriptor): boolean => a.oneof !== undefined && a.oneof === b.oneof;

function fields(field: FieldDescriptor, depth: number): fc.Arbitrary<unknown> {
  const single = values(field.type, depth);
  if (field.cardinality === 'map') return fc.dictionary(text, single, { minKeys: 1, maxKeys: 2 });
  return field.cardinality === 'repeated' ? fc.array(single, { minLength: 1, maxLength: 3 }) : single;
}

function values(type: FieldType, depth: number): fc.Arbitrary<unknown> {
  if (type.kind === 'message') return messages(type.message, depth + 1);
  if (type.kind === 'scalar') return scalars[type.scalar] ?? fc.integer({ min: 1, max: 9 });
  const names = [...type.enum.names].filter(([number]) => number !== 0).map(([, name]) => name);
  return fc.constantFrom(...(names.length > 0 ? names : [...type.enum.names.values()]));
}

/** Back from lowerCamelCase, as the definitions name the fields. */
function snake(message: MessageDescriptor, printed: unknown): unknown {
  if (message.wellKnown !== undefined) return printed;
  const entries = Object.entries(printed as JsonObject).map(([key, value]) => {
    const field = message.fields.find(({ jsonName }) => jsonName === key)!;
    return [field.name, snakeField(field, value)] as const;
  });
  return Object.fromEntries(entries);
}

function snakeField({ type, cardinality }: FieldDescriptor, value: unknown): unknown {
  if (type.kind !== 'message') return value;
  if (cardinality === 'repeated') return (value as unknown[]).map((item) => snake(type.message, item));
  if (cardinality === 'single') return snake(type.message, value);
  return Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, snake(type.message, item)]));
}

/** A secret is not printed, so there is nothing to compare. */
function holdsSecret(value: unknown): boolean {
  return JSON.stringify(value).includes('[redacted]');
}

describe.each([
  'envoy.config.cluster.v3.Cluster',
  'envoy.config.endpoint.v3.ClusterLoadAssignment',
  'envoy.config.listener.v3.Listener',
  'envoy.config.route.v3.RouteConfiguration',
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
  'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
  'envoy.extensions.access_loggers.stats.v3.Config',
])('%s', (name) => {
  const descriptor = messageDescriptor(name);

  test('reads back as it was written', () => {
    fc.assert(
      fc.property(messages(descriptor, 0), (message) => {
        const printed = print(name, encodeMessage(name, message as object));
        if (holdsSecret(printed)) return;
        expect(snake(descriptor, printed)).toEqual(message);
      }),
      { numRuns: 150 },
    );
  });

  test('has the same bytes whatever the order of its keys', () => {
    fc.assert(
      fc.property(messages(descriptor, 0), (message) => {
        const reversed = reverseKeys(message);
        expect(encodeMessage(name, reversed as object)).toEqual(encodeMessage(name, message as object));
      }),
      { numRuns: 50 },
    );
  });
});

function reverseKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reverseKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, item]) => [key, reverseKeys(item)]),
  );
}
