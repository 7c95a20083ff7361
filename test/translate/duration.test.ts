import { expect, test } from 'vitest';

import { duration, nanoseconds } from '../../src/translate/duration.ts';

test.each([
  ['0s', '0s'], ['0', '0s'], ['5s', '5s'], ['1h30m', '5400s'], ['1.5s', '1.5s'], ['250ms', '0.25s'], ['1m0.25s', '60.25s'],
  ['3us', '0.000003s'], ['3µs', '0.000003s'], ['1ns', '0.000000001s'], ['.5s', '0.5s'], ['8760h', '31536000s'], ['-1.5s', '-1.5s'],
])('%s is %s', (text, expected) => {
  expect(duration(text)).toBe(expected);
}); // prettier-ignore

test.each(['', 's', '1', '1 s', '1d', '5s,', 'x5s'])('%j is none', (text) => {
  expect(() => nanoseconds(text)).toThrow(/not a duration/);
});
