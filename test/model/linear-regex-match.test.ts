// Patterns of users as RE2 takes them: the same places and groups as other engines find, and an end whatever the pattern.
import { expect, test } from 'vitest';

import { replaced, takesWhole } from '../../src/model/linear-regex-match.ts';

test('takes the whole of a text or nothing', () => {
  expect(takesWhole('/a/(b|c)+', '/a/bcb')).toBe(true);
  expect(takesWhole('/a', '/a/b')).toBe(false);
  expect(takesWhole('(?i)/A.*', '/abc')).toBe(true);
  expect(takesWhole('a|ab', 'ab')).toBe(true);
});

test.each([
  ['/v(\\d+)/(.*?)/', '/v12/x/y/', '/\\2-\\1/', '/x-12/y/'],
  ['^/api', '/api/api', '$1\\0', '$1/api/api'],
  ['(a|ab)(c|bcd)(d*)', 'abcd', '<\\1,\\2,\\3>', '<a,bcd,>'],
  ['a+?', 'aaa', 'x', 'xxx'],
  ['a{2}', 'aaaaa', 'x', 'xxa'],
  ['(?P<name>b)', 'abc', '[\\1]', 'a[b]c'],
  ['\\bfoo\\b', 'foo food foo', 'x', 'x food x'],
  ['a*', 'baac', 'x', 'xbxxcx'],
])('replaces %s in %s', (pattern, text, substitution, expected) => {
  expect(replaced(pattern, text, substitution)).toBe(expected);
});

test('gives up rather than waits', () => {
  expect(takesWhole('(a*)*b', 'a'.repeat(200_000))).toBeUndefined();
  expect(replaced('a.*b|a', 'a'.repeat(20_000), 'x')).toBeUndefined();
});

test('what is no pattern of RE2 is none', () => {
  expect(takesWhole('(', 'a')).toBeUndefined();
  expect(takesWhole('(?=a)a', 'a')).toBeUndefined();
});
