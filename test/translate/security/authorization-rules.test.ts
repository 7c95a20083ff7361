import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';

import type { Rule } from '../../../src/model/schema/index.ts';
import { conditionAttribute } from '../../../src/translate/envoy/rbac/attribute.ts';
import { addressBlock, quoted, textPattern } from '../../../src/translate/envoy/rbac/pattern.ts';
import { rulePolicy } from '../../../src/translate/envoy/rbac/rule.ts';
import { filters, matched, policy } from '../../support/objects/authorization.ts';
import { plain } from '../../support/objects/make.ts';
import type { Seen } from '../../support/kubernetes/rbac.ts';
import { matchingEntries, textMatches } from '../../support/kubernetes/rbac.ts';

const shears = 'spiffe://cluster.local/ns/tools/sa/shears';

describe('what a rule matches', () => {
  const rule = (text: string): string => policy('p', `{rules: [${text}]}`);
  const yes = ['ns[garden]-policy[p]-rule[0]'];

  test.each<[string, string, Seen, boolean]>([
    ['a principal', '{from: [{source: {principals: [cluster.local/ns/tools/sa/shears]}}]}', { identity: shears }, true],
    ['nobody without an identity', "{from: [{source: {principals: ['*']}}]}", {}, false],
    ['any identity', "{from: [{source: {principals: ['*']}}]}", { identity: shears }, true],
    ['a principal by its end', "{from: [{source: {principals: ['*/sa/shears']}}]}", { identity: shears }, true],
    [
      'a principal by its beginning',
      "{from: [{source: {principals: ['cluster.local/ns/tools/*']}}]}",
      { identity: shears },
      true,
    ],
    ['not a namespace that only begins alike', '{from: [{source: {namespaces: [tool]}}]}', { identity: shears }, false],
    ['a namespace', '{from: [{source: {namespaces: [tools]}}]}', { identity: shears }, true],
    ['a namespace by pattern', "{from: [{source: {namespaces: ['to*s']}}]}", { identity: shears }, true],
    ['not a namespace that is excluded', '{from: [{source: {notNamespaces: [tools]}}]}', { identity: shears }, false],
    [
      'a service account of the namespace',
      '{from: [{source: {serviceAccounts: [shears]}}]}',
      { identity: 'spiffe://x.y/ns/garden/sa/shears' },
      true,
    ],
    ['not one of another namespace', '{from: [{source: {serviceAccounts: [shears]}}]}', { identity: shears }, false],
    ['one of a named namespace', '{from: [{source: {serviceAccounts: [tools/shears]}}]}', { identity: shears }, true],
    [
      'one with more to its identity',
      '{from: [{source: {serviceAccounts: [tools/shears]}}]}',
      { identity: 'spiffe://x/region/a/ns/tools/sa/shears/b' },
      true,
    ],
    ['a trust domain', '{from: [{source: {trustDomains: [cluster.local]}}]}', { identity: shears }, true],
    [
      'not a trust domain that begins alike',
      '{from: [{source: {trustDomains: [cluster]}}]}',
      { identity: shears },
      false,
    ],
    ['a trust domain by pattern', "{from: [{source: {trustDomains: ['*.local']}}]}", { identity: shears }, true],
    ['an address block', '{from: [{source: {ipBlocks: [10.4.0.0/14]}}]}', { address: '10.7.255.1' }, true],
    [
      'not an excluded address',
      '{from: [{source: {ipBlocks: [10.0.0.0/8], notIpBlocks: [10.7.0.0/16]}}]}',
      { address: '10.7.255.1' },
      false,
    ],
    [
      'a host in any case',
      '{to: [{operation: {hosts: [Rose.Example]}}]}',
      { headers: { ':authority': 'rOSE.example' } },
      true,
    ],
    [
      'not a host with a port that was not asked for',
      '{to: [{operation: {hosts: [rose.example]}}]}',
      { headers: { ':authority': 'rose.example:80' } },
      false,
    ],
    ['a method in its own case', '{to: [{operation: {methods: [GET]}}]}', { headers: { ':method': 'get' } }, false],
    ['a path without its query', '{to: [{operation: {paths: [/bed]}}]}', { path: '/bed?x=1' }, true],
    ['a path by its end', "{to: [{operation: {paths: ['*/thorns']}}]}", { path: '/a/thorns' }, true],
    ['a star inside a path only as a star', "{to: [{operation: {paths: ['/a*b']}}]}", { path: '/axb' }, false],
    [
      'any of several operations',
      '{to: [{operation: {paths: [/a]}}, {operation: {methods: [PUT]}}]}',
      { path: '/b', headers: { ':method': 'PUT' } },
      true,
    ],
    [
      'all fields of one operation',
      '{to: [{operation: {paths: [/a], methods: [PUT]}}]}',
      { path: '/b', headers: { ':method': 'PUT' } },
      false,
    ],
    [
      'a header by its name in any case',
      "{when: [{key: 'request.headers[X-Bee]', values: [busy]}]}",
      { headers: { 'x-bee': 'busy' } },
      true,
    ],
    ['a header that is there', "{when: [{key: 'request.headers[X-Bee]', values: ['*']}]}", { headers: {} }, false],
    [
      'everybody when an absent header must not have a value',
      "{when: [{key: 'request.headers[X-Bee]', notValues: [lazy]}]}",
      { headers: {} },
      true,
    ],
    [
      'a server name',
      "{when: [{key: connection.sni, values: ['*.rose.example']}]}",
      { serverName: 'a.rose.example' },
      true,
    ],
    ['a port condition', "{when: [{key: destination.port, values: ['81'], notValues: ['82']}]}", { port: 82 }, false],
    [
      'an issuer and subject',
      "{from: [{source: {requestPrincipals: ['https://bees.example/x/queen']}}]}",
      { claims: { iss: 'https://bees.example/x', sub: 'queen' } },
      true,
    ],
    [
      'not another issuer',
      "{from: [{source: {requestPrincipals: ['https://bees.example/x/queen']}}]}",
      { claims: { iss: 'https://bees.example', sub: 'x/queen' } },
      false,
    ],
    [
      'any subject of an issuer',
      "{from: [{source: {requestPrincipals: ['https://bees.example/*']}}]}",
      { claims: { iss: 'https://bees.example', sub: 'drone' } },
      true,
    ],
    ['nobody without a token', "{from: [{source: {requestPrincipals: ['*']}}]}", {}, false],
    [
      'a claim in a list',
      "{when: [{key: 'request.auth.claims[duties]', values: [guard]}]}",
      { claims: { duties: ['guard', 'nurse'] } },
      true,
    ],
    [
      'a claim inside a claim',
      "{when: [{key: 'request.auth.claims[hive][role]', values: ['qu*']}]}",
      { claims: { hive: { role: 'queen' } } },
      true,
    ],
    [
      'a claim whose name is an address',
      "{when: [{key: 'request.auth.claims[https://bees.example/x]', values: ['1']}]}",
      { claims: { 'https://bees.example/x': '1' } },
      true,
    ],
    ['an audience', '{when: [{key: request.auth.audiences, values: [b, a]}]}', { claims: { aud: ['a'] } }, true],
    ['a presenter', '{when: [{key: request.auth.presenter, values: [p]}]}', { claims: { azp: 'q' } }, false],
    [
      'conditions with each of several sources',
      "{from: [{source: {namespaces: [tools]}}, {source: {namespaces: [sheds]}}], when: [{key: 'request.headers[a]', values: [b]}]}",
      { identity: shears, headers: { a: 'c' } },
      false,
    ],
  ])('%s', (_, text, seen, expected) => {
    expect(matched(rule(text), seen)).toEqual(expected ? yes : []);
  });

  it('has templates of paths', () => {
    const [filter] = filters([rule("{to: [{operation: {paths: ['/beds/{*}/roots/{**}']}}]}")]).http;
    expect(JSON.stringify(filter)).toContain('"path_template":"/beds/*/roots/**"');
  });

  it.each([
    ['//{**}', '//a/b', '/a/b'],
    ['{**}', '/anything', undefined],
    ['beds/{*}', undefined, '/beds/roses'],
  ])('has expressions for templates that Envoy does not survive: %s', (template, matching, other) => {
    const [filter] = filters([rule(`{to: [{operation: {paths: ['${template}']}}]}`)]).http;
    expect(JSON.stringify(filter)).not.toContain('path_template');
    if (matching !== undefined) expect(matchingEntries(filter?.rules ?? {}, { path: matching })).toHaveLength(1);
    if (other !== undefined) expect(matchingEntries(filter?.rules ?? {}, { path: other })).toHaveLength(0);
  });

  it('fails closed on conditions that nobody can read', () => {
    const unreadable: Rule = { when: [{ key: 'request.weather', values: ['rain'] }] };
    const context = { namespace: 'garden', trustDomains: ['cluster.local'], peer: 'connection' as const };
    expect(rulePolicy(unreadable, context, true, true)).toBeUndefined();
    expect(plain(rulePolicy(unreadable, context, true, false))).toEqual({
      permissions: [{ and_rules: { rules: [{ any: true }] } }],
      principals: [{ and_ids: { ids: [{ any: true }] } }],
    });
  });

  it('knows what other filters noted', () => {
    const attribute = conditionAttribute('experimental.envoy.filters.network.mysql_proxy[books.loans]');
    expect(attribute?.matcher(['[insert]', 'x'], { namespace: '', trustDomains: [], peer: 'connection' })).toEqual({
      metadata: {
        filter: 'envoy.filters.network.mysql_proxy',
        path: [{ key: 'books.loans' }],
        value: {
          or_match: {
            value_matchers: [
              { list_match: { one_of: { string_match: { exact: 'insert' } } } },
              { string_match: { exact: 'x' } },
            ],
          },
        },
      },
    });
  });
});

describe('values', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '.', '/', '[', '\\', '$', 'é'), maxLength: 8 });

  /** What the documentation says a value means, told without any matcher. */
  function means(pattern: string, text: string): boolean {
    if (pattern === '*') return text.length > 0;
    if (pattern.startsWith('*')) return text.slice(-(pattern.length - 1)) === pattern.slice(1);
    if (pattern.endsWith('*')) return text.slice(0, pattern.length - 1) === pattern.slice(0, -1);
    return pattern === text;
  }

  it('match as documented, for any text', () => {
    fc.assert(
      fc.property(letters, letters, (pattern, text) => {
        expect(textMatches(textPattern(pattern), text)).toBe(means(pattern, text));
      }),
      { numRuns: 2000 },
    );
  });

  it('match texts that were made to match', () => {
    fc.assert(
      fc.property(letters, letters, (known, more) => {
        if (!known.startsWith('*')) expect(textMatches(textPattern(`${known}*`), `${known}${more}x`)).toBe(true);
        expect(textMatches({ safe_regex: { regex: quoted(known) } }, known)).toBe(true);
        expect(textMatches({ safe_regex: { regex: quoted(known) } }, `${known}x`)).toBe(false);
      }),
    );
  });

  const part = fc.constantFrom('x', 'xy', 'y.z', 'dev-1');
  const star = (text: string) => fc.constantFrom(text, '*', `${text}*`, `*${text}`);

  it('of namespaces match as documented, for any identity', () => {
    fc.assert(
      fc.property(part.chain(star), part, part, (pattern, namespace, account) => {
        const yaml = policy('p', JSON.stringify({ rules: [{ from: [{ source: { namespaces: [pattern] } }] }] }));
        const identity = `spiffe://cluster.local/ns/${namespace}/sa/${account}`;
        const expected = pattern === '*' || means(pattern, namespace);
        expect(matched(yaml, { identity }).length > 0).toBe(expected);
      }),
      { numRuns: 100 },
    );
  });

  it('of principals match as documented, for any identity', () => {
    fc.assert(
      fc.property(part, part, part, fc.nat(40), (domain, namespace, account, cut) => {
        const whole = `${domain}/ns/${namespace}/sa/${account}`;
        for (const pattern of [whole, `${whole.slice(0, cut)}*`, `*${whole.slice(cut)}`, `${whole}x`]) {
          const yaml = policy('p', JSON.stringify({ rules: [{ from: [{ source: { principals: [pattern] } }] }] }));
          expect([pattern, matched(yaml, { identity: `spiffe://${whole}` }).length > 0]).toEqual([
            pattern,
            means(pattern, whole),
          ]);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('are addresses alone or in blocks', () => {
    expect(addressBlock('10.1.2.3')).toEqual({ address_prefix: '10.1.2.3', prefix_len: 32 });
    expect(addressBlock('0.0.0.0/0')).toEqual({ address_prefix: '0.0.0.0', prefix_len: 0 });
    expect(addressBlock('2001:DB8:0::/48')).toEqual({ address_prefix: '2001:db8::', prefix_len: 48 });
    expect(addressBlock('::1')).toEqual({ address_prefix: '::1', prefix_len: 128 });
  });
});
