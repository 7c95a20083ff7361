// The rules of Envoy's matching that are easily got wrong, one by one; `test/envoy/explain/trace.test.ts` has all of them at once
// against a real Envoy.
import { describe, expect, test } from 'vitest';

import { originsAt } from '../../src/model/envoy/decoded.ts';
import { chooseChain } from '../../src/trace/listener.ts';
import { inBlock } from '../../src/trace/match/address.ts';
import { normalizedPath, routeMiss } from '../../src/trace/match/path-match.ts';
import { matchesHeader } from '../../src/trace/match/string-match.ts';
import type { Connection, HttpRequest } from '../../src/trace/request.ts';

const request: HttpRequest = {
  method: 'GET',
  host: 'store',
  path: '/a/b?q=1',
  headers: { 'x-a': 'b' },
  claims: undefined,
};

describe('a header that is not there', () => {
  const missing = { name: 'x-none', string_match: { exact: 'a' } };
  test('matches nothing, inverted or not', () => {
    expect(matchesHeader(missing, request)).toBe(false);
    expect(matchesHeader({ ...missing, invert_match: true }, request)).toBe(false);
  });
  test('counts as an empty one where that is asked for', () => {
    expect(matchesHeader({ ...missing, invert_match: true, treat_missing_header_as_empty: true }, request)).toBe(true);
  });
  test('is absent', () => {
    expect(matchesHeader({ name: 'x-none', present_match: true, invert_match: true }, request)).toBe(true);
  });
});

test('a path is compared without its query, a regular expression with all of it', () => {
  expect(routeMiss({ path: '/a/b' }, request)).toBeUndefined();
  expect(routeMiss({ safe_regex: { regex: '/a' } }, request)).toBe('path');
  expect(routeMiss({ path_separated_prefix: '/a' }, request)).toBeUndefined();
  expect(routeMiss({ path_separated_prefix: '/a' }, { ...request, path: '/ab' })).toBe('path');
});

test('paths are normalized as the connection manager is told to', () => {
  expect(normalizedPath('/a/../b//c/./?x=/../y', { normalize_path: true })).toBe('/b//c/?x=/../y');
  expect(normalizedPath('/%61%2fb', { normalize_path: true })).toBe('/a%2fb');
  expect(normalizedPath('/a//b', { merge_slashes: true })).toBe('/a/b');
  expect(normalizedPath('/a/../b', {})).toBe('/a/../b');
});

test('blocks of both families', () => {
  expect(inBlock({ address_prefix: '10.0.0.0', prefix_len: 8 }, '10.9.9.9')).toBe(true);
  expect(inBlock({ address_prefix: '10.1.0.0', prefix_len: 15 }, '10.2.0.1')).toBe(false);
  expect(inBlock({ address_prefix: 'fd00::', prefix_len: 8 }, 'fd12::1')).toBe(true);
  expect(inBlock({ address_prefix: '0.0.0.0' }, '::1')).toBe(false);
});

describe('filter chains', () => {
  const inspector = { name: 'envoy.filters.listener.tls_inspector' };
  const connection: Connection = {
    source: { address: '10.0.0.1', principal: undefined },
    destination: { address: '10.0.0.2', port: 8080 },
    tls: { serverName: 'a.b.example', protocols: ['istio'] },
    http: undefined,
  };
  const chosen = (chains: readonly object[], filters: readonly object[] = [inspector]) =>
    chooseChain({ listener_filters: filters, filter_chains: chains }, connection)?.chain.name;

  test('the port comes before the name, and what is left out is not taken up again', () => {
    const chains = [
      { name: 'sni', filter_chain_match: { server_names: ['a.b.example'] } },
      { name: 'port', filter_chain_match: { destination_port: 8080, server_names: ['other.example'] } },
    ];
    expect(chosen(chains)).toBeUndefined();
  });
  test('an exact name before the longest wildcard', () => {
    const wildcards = [['*.example'], ['*.b.example'], ['a.b.example']].map((names) => {
      return { name: names[0], filter_chain_match: { server_names: names } };
    });
    expect(chosen(wildcards)).toBe('a.b.example');
    expect(chosen(wildcards.slice(0, 2))).toBe('*.b.example');
  });
  test('without an inspector TLS is not seen', () => {
    const chains = [
      { name: 'tls', filter_chain_match: { transport_protocol: 'tls' } },
      { name: 'raw', filter_chain_match: { transport_protocol: 'raw_buffer' } },
    ];
    expect(chosen(chains)).toBe('tls');
    expect(chosen(chains, [])).toBe('raw');
  });
});

test('a field without a cause of its own has that of the part around it, whatever its name', () => {
  const source = { kind: 'Service', namespace: 'shop', name: 'store' };
  const resource = { type: '', name: '', version: '', message: {}, origins: { 'a[0].policies': [source] } };
  expect(originsAt(resource, 'a[0].policies.ns[shop]-policy[x]-rule[0].principals[1]')).toEqual([source]);
  expect(originsAt(resource, 'b[1]')).toEqual([]);
});
