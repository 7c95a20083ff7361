import { describe, expect, it } from 'vitest';

import type { SourceRef } from '../../src/model/source.ts';
import { at } from '../../src/model/source.ts';
import { from, merge, originsOf } from '../../src/translate/provenance.ts';

const service: SourceRef = { kind: 'Service', namespace: 'shop', name: 'store' };
const rule: SourceRef = { kind: 'DestinationRule', namespace: 'shop', name: 'store' };

describe('provenance', () => {
  it('gives every field the object it came from; a later part takes a field over with its cause', () => {
    const message = merge<Record<string, unknown>>(
      from(service, { name: 'store', connect_timeout: '10s' }),
      from(at(rule, 'spec.trafficPolicy.connectionPool'), { connect_timeout: '1s' }),
      { alt_stat_name: 'store;' },
    );
    expect(JSON.parse(JSON.stringify(message))).toEqual({
      name: 'store',
      connect_timeout: '1s',
      alt_stat_name: 'store;',
    });
    expect(Object.fromEntries(originsOf(message))).toEqual({
      name: [service],
      connect_timeout: [{ ...rule, path: 'spec.trafficPolicy.connectionPool' }],
    });
  });

  it('forgets a cause when a part without one takes the field over', () => {
    expect([...originsOf(merge<{ a: number }>(from(service, { a: 1 }), { a: 2 }))]).toEqual([]);
  });

  it('survives a spread and is invisible to JSON', () => {
    const message = { ...from(service, { a: 1 }), b: 2 };
    expect(JSON.stringify(message)).toBe('{"a":1,"b":2}');
    expect([...originsOf(message).keys()]).toEqual(['a']);
  });

  it('names nested fields by their path', () => {
    expect([...originsOf({ routes: [{}, from(rule, { match: from(service, { prefix: '/' }) })] }).keys()]).toEqual([
      'routes[1].match',
      'routes[1].match.prefix',
    ]);
  });
});
