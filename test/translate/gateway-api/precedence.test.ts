// Which route goes first does not depend on the order in which routes were written, as far as the specification tells them apart.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { HTTPMatchRequest, HTTPRoute } from '../../../src/model/schema/index.ts';
import { byPrecedence, comparePrecedence } from '../../../src/translate/resolve/gateway-api/routes/precedence.ts';

const path = fc.constantFrom('/', '/a', '/a/b', '/abc');
const names = fc.uniqueArray(fc.constantFrom('x', 'y', 'z'));
const named = names.map((keys) => Object.fromEntries(keys.map((key) => [key, { exact: '1' }])));

const match: fc.Arbitrary<HTTPMatchRequest> = fc.record(
  {
    uri: fc.oneof(
      path.map((exact) => ({ exact })),
      path.map((prefix) => ({ prefix })),
      path.map((regex) => ({ regex })),
    ),
    method: fc.constant({ exact: 'GET' }),
    headers: named,
    queryParams: named,
  },
  { requiredKeys: [] },
);
const route: fc.Arbitrary<HTTPRoute> = fc.option(match).map((one) => (one === null ? {} : { match: [one] }));

describe('precedence of routes', () => {
  test('is an order: antisymmetric and transitive', () => {
    fc.assert(
      fc.property(route, route, route, (a, b, c) => {
        expect(Math.sign(comparePrecedence(a, b))).toBe(-Math.sign(comparePrecedence(b, a)) + 0);
        if (comparePrecedence(a, b) <= 0 && comparePrecedence(b, c) <= 0)
          expect(comparePrecedence(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });

  test('leaves equal ones as they came, and puts unequal ones in one order', () => {
    fc.assert(
      fc.property(fc.array(route, { maxLength: 12 }), (routes) => {
        const sourced = routes.map((one, i) => ({
          source: { kind: 'HTTPRoute', namespace: 'a', name: `${i}` },
          route: one,
        }));
        const sorted = byPrecedence(sourced);
        for (const [i, later] of sorted.entries()) {
          const earlier = sorted[i - 1];
          if (earlier === undefined) continue;
          const order = comparePrecedence(earlier.route, later.route);
          expect(order).toBeLessThanOrEqual(0);
          if (order === 0) expect(Number(earlier.source.name)).toBeLessThan(Number(later.source.name));
        }
      }),
    );
  });

  test.each<[string, HTTPMatchRequest, HTTPMatchRequest]>([
    ['an exact path', { uri: { exact: '/a' } }, { uri: { prefix: '/a/b/c' } }],
    ['a prefix', { uri: { prefix: '/' } }, { uri: { regex: '/a/b/c' } }],
    ['the longer prefix', { uri: { prefix: '/a/b' } }, { uri: { prefix: '/a' }, method: { exact: 'GET' } }],
    ['a method', { method: { exact: 'GET' } }, { headers: { x: { exact: '1' }, y: { exact: '1' } } }],
    ['more headers', { headers: { x: { exact: '1' } } }, { queryParams: { x: { exact: '1' }, y: { exact: '1' } } }],
    ['more query parameters', { queryParams: { x: { exact: '1' } } }, {}],
  ])('%s goes first', (_what, first, second) => {
    expect(comparePrecedence({ match: [first] }, { match: [second] })).toBeLessThan(0);
  });
});
