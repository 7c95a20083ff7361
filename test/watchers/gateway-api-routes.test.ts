// Routes of Gateway API as they are read: defaults of the API's definitions, and what an API server would refuse.
import { describe, expect, test } from 'vitest';

import { parse } from '../../src/watchers/parse.ts';
import type { Case } from './rules/checking.ts';
import { objectOf, specVerdict } from './rules/checking.ts';

const rule = (more: object) => ({ rules: [more] });

describe('an HTTPRoute', () => {
  test('that says little has the defaults of the API', () => {
    const { object } = parse(objectOf('HTTPRoute', { parentRefs: [{ name: 'quay' }], rules: [{ backendRefs: [{ name: 'crane' }] }, { matches: [{ headers: [{ name: 'a', value: 'b' }] }] }] })); // prettier-ignore
    const everyPath = { type: 'PathPrefix', value: '/' };
    expect(object).toMatchObject({
      spec: {
        parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'quay' }],
        rules: [
          { matches: [{ path: everyPath }], backendRefs: [{ group: '', kind: 'Service', name: 'crane', weight: 1 }] },
          { matches: [{ path: everyPath, headers: [{ type: 'Exact', name: 'a', value: 'b' }] }] },
        ],
      },
    });
    expect(parse(objectOf('HTTPRoute', {})).object).toMatchObject({
      spec: { rules: [{ matches: [{ path: everyPath }] }] },
    });
  });

  test.each<Case>([
    ['with a regular expression', rule({ matches: [{ path: { type: 'RegularExpression', value: '/a(b|c)' } }] }), []],
    ['with one that RE2 does not know', rule({ matches: [{ path: { type: 'RegularExpression', value: '/(?=a)' } }] }), ['error invalid-value spec.rules[0].matches[0].path.value']], // prettier-ignore
    ['with a path that is none', rule({ matches: [{ path: { value: 'a' } }] }), ['error invalid-value spec.rules[0].matches[0].path.value']], // prettier-ignore
    ['with a timeout that is none', rule({ timeouts: { request: '1 second' } }), ['error invalid-value spec.rules[0].timeouts.request']], // prettier-ignore
    ['with a header that is none', rule({ filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'a b', value: 'c' }] } }] }), ['error invalid-value spec.rules[0].filters[0].requestHeaderModifier.set[0].name']], // prettier-ignore
    ['with a host name that is none', { hostnames: ['a_b'] }, ['error invalid-value spec.hostnames[0]']],
    ['that redirects and forwards', rule({ filters: [{ type: 'RequestRedirect', requestRedirect: {} }], backendRefs: [{ name: 'crane', port: 80 }] }), ['error conflicting-fields spec.rules[0].backendRefs']], // prettier-ignore
    ['with a filter that nobody here knows', rule({ filters: [{ type: 'Sails', sails: {} }] }), []],
  ])('%s', (_title, given, expected) => {
    expect(specVerdict('HTTPRoute', given)).toEqual(expected);
  });
});

describe('a GRPCRoute', () => {
  test.each<Case>([
    ['with a method', rule({ matches: [{ method: { service: 'harbor.Crane' } }] }), []],
    ['with neither service nor method', rule({ matches: [{ method: {} }] }), ['error required-field spec.rules[0].matches[0].method']], // prettier-ignore
    ['with a pattern that RE2 does not know', rule({ matches: [{ method: { type: 'RegularExpression', method: '(' } }] }), ['error invalid-value spec.rules[0].matches[0].method.method']], // prettier-ignore
  ])('%s', (_title, given, expected) => {
    expect(specVerdict('GRPCRoute', given)).toEqual(expected);
  });
});
