// Durations for Envoy's messages, from the notation that users write: `1h30m` -> `5400s`.
// https://protobuf.dev/programming-guides/json/
import { parseDuration } from '../model/duration.ts';
import { invariant } from '../model/invariant.ts';

/** Nanoseconds. Parsing has refused what is no duration, so that would be a bug. */
export function nanoseconds(text: string): number {
  const milliseconds = parseDuration(text);
  invariant(milliseconds !== undefined, `not a duration: ${text}`);
  return Math.round(milliseconds * 1e6);
}

/** `1m30s` -> `90s`, `250ms` -> `0.25s` */
export function duration(text: string): `${number}s` {
  const total = nanoseconds(text);
  const sign = total < 0 ? '-' : '';
  const seconds = Math.floor(Math.abs(total) / 1e9);
  const fraction = String(Math.abs(total) % 1e9)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${sign}${seconds}${fraction === '' ? '' : `.${fraction}`}s` as `${number}s`;
}
