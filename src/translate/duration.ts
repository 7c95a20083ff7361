// Durations as users write them in Go's notation ("1h30m", "1.5s") and as protobuf's JSON has them ("5400s").
// https://pkg.go.dev/time#ParseDuration
import { invariant } from '../model/invariant.ts';

const nanoseconds: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
const part = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy;

/** Nanoseconds. Parsing has refused what is no duration, so that would be a bug. */
export function parseDuration(text: string): number {
  const negative = text.startsWith('-');
  const unsigned = text.replace(/^[+-]/, '');
  if (unsigned === '0') return 0;
  let total = 0;
  let length = 0;
  for (const [matched, amount, unit] of unsigned.matchAll(part)) {
    total += Number(amount) * (nanoseconds[unit ?? ''] ?? 0);
    length += matched.length;
  }
  invariant(length > 0 && length === unsigned.length, `not a duration: ${text}`);
  return Math.round(negative ? -total : total);
}

/** `1m30s` -> `90s`, `250ms` -> `0.25s` */
export function duration(text: string): `${number}s` {
  const total = parseDuration(text);
  const sign = total < 0 ? '-' : '';
  const seconds = Math.floor(Math.abs(total) / 1e9);
  const fraction = String(Math.abs(total) % 1e9)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${sign}${seconds}${fraction === '' ? '' : `.${fraction}`}s` as `${number}s`;
}

export const protoDuration = duration;
