import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDuration } from '../../../src/model/duration.ts';
import { headerValueFault } from '../../../src/watchers/rules/syntax/header.ts';
import { covers, dnsNameFault, subnetFault, wildcardNameFault } from '../../../src/watchers/rules/syntax/host.ts';
import { regexFault } from '../../../src/watchers/rules/syntax/regex.ts';
import { nearest } from '../../../src/watchers/schema/suggest.ts';

describe('regular expressions of RE2', () => {
  test.each([
    'a', '^/v[0-9]+/(.*)$', '[[:alpha:]]+', '[]a]', '(?i)abc', '(?P<n>x)', '(?<n>x)', '\\d+\\.\\w', 'x{,3}', 'x{2}',
    '\\pN\\p{Greek}', '\\Qa(b\\E+', 'a+?', 'a?b*?', '(|a)*', '(?:a|b){2,3}?', '[a-\\d]', '[^a]', '\\x41\\x{1F600}', '(a*)*', '.*',
  ])('%s is one', (pattern) => {
    expect(regexFault(pattern)).toBeUndefined();
  }); // prettier-ignore

  test.each([
    ['', /empty/],
    ['([', /\]/],
    ['a**', /repeats/],
    ['*a', /before/],
    ['a|*', /before/],
    ['(?=x)', /look-around/],
    ['(?<!x)a', /look-around/],
    ['(?>x)', /no group/],
    ['(a)\\1', /back-reference/],
    ['a{2,1}', /wrong way/],
    ['a{1001}', /1000/],
    ['(a{100}b){100}', /nested/],
    ['[z-a]', /wrong way/],
    ['[[:alhpa:]]', /class name/],
    ['a)', /without/],
    ['(a', /missing/],
    ['\\', /end/],
    ['\\y', /escape/],
    ['a'.repeat(1025), /1024/],
  ])('%s is none', (pattern, reason) => {
    expect(regexFault(pattern)).toMatch(reason);
  });

  test('any text gets an answer, and what JavaScript refuses as unbalanced is refused', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...Array.from('ab()[]{}*+?|\\^$.,-:1<>=!PQE')) }),
        (pattern) => void regexFault(pattern),
      ),
    );
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', '(', ')', '[b]', '|', '.')), (parts) => {
        const pattern = parts.join('');
        expect(regexFault(pattern) === undefined).toBe(pattern !== '' && compiles(pattern));
      }),
    );
  });
});

function compiles(pattern: string): boolean {
  try {
    return new RegExp(pattern, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}

describe('durations', () => {
  test.each([
    ['1.5s', 1500],
    ['1h30m', 5_400_000],
    ['100ms', 100],
    ['-2s', -2000],
    ['0', 0],
    ['.5s', 500],
    ['1m0.5s', 60_500],
    ['2us', 0.002],
  ])('%s', (text, expected) => {
    expect(parseDuration(text)).toBeCloseTo(expected, 9);
  });

  test.each(['', '-', '5', '1x', '1s ', 's', '1.5.5s', '1h-3m', '9'.repeat(70) + 's'])('%j is none', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});

describe('names and addresses', () => {
  test('names', () => {
    for (const good of ['a', 'a.b', 'a.b.', 'xn--a.com', 'A.com', '1.a']) expect(dnsNameFault(good)).toBeUndefined();
    for (const bad of ['', '.', 'a..b', '-a', 'a-', 'a_b', '*.a', 'a.1', 'x'.repeat(64), 'a.'.repeat(200)])
      expect(dnsNameFault(bad), bad).toBeDefined();
    for (const good of ['*', '*.a', '*a.com', '*-a.com']) expect(wildcardNameFault(good)).toBeUndefined();
    for (const bad of ['**', 'a.*', '*.*', 'a*.com']) expect(wildcardNameFault(bad), bad).toBeDefined();
  });

  test('what a wildcard covers', () => {
    expect(covers('*.a.com', 'b.a.com')).toBe(true);
    expect(covers('*.a.com', '*.b.a.com')).toBe(true);
    expect(covers('*.a.com', 'a.com')).toBe(false);
    expect(covers('*.b.a.com', '*.a.com')).toBe(false);
    expect(covers('a.com', '*.com')).toBe(false);
    expect(covers('*', 'a')).toBe(true);
  });

  test('subnets', () => {
    for (const good of ['10.0.0.0/8', '10.0.0.1', '::/0', '2001:db8::1']) expect(subnetFault(good)).toBeUndefined();
    for (const bad of [
      '10.0.0.0/33',
      '10.0.0',
      '::1/129',
      '10.0.0.0/8/8',
      '10.0.0.0/',
      '10.0.0.0/08',
      'fe80::1%eth0',
      '',
    ])
      expect(subnetFault(bad), bad).toBeDefined();
  });
});

test('header values', () => {
  for (const good of [
    '',
    'plain',
    '100%%',
    '%REQ(:path)%',
    'a %HOSTNAME% b',
    '%REQ(a):10%',
    '%PER_REQUEST_STATE(["a"])%',
  ])
    expect(headerValueFault(good), good).toBeUndefined();
  for (const bad of ['%', '50% off', '%REQ(a', '%REQ(a)x%', '%START_TIME%%', 'a\u0000b'])
    expect(headerValueFault(bad), bad).toBeDefined();
});

test('the nearest word', () => {
  const words = ['route', 'redirect', 'retries', 'match'];
  expect(nearest('routes', words)).toBe('route');
  expect(nearest('ruote', words)).toBe('route');
  expect(nearest('Match', words)).toBe('match');
  expect(nearest('delegate', words)).toBeUndefined();
  expect(nearest('x'.repeat(10_000), words)).toBeUndefined();
});
