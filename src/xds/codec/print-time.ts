// Times as canonical JSON writes them: a duration as '1.500s', a timestamp as RFC 3339 in UTC, each with as many
// groups of three decimals as it needs.
// https://protobuf.dev/programming-guides/json/

export function durationText(seconds: number, nanos: number): string {
  const sign = seconds < 0 || nanos < 0 ? '-' : '';
  return `${sign}${Math.abs(seconds)}${fraction(Math.abs(nanos))}s`;
}

export function timestampText(seconds: number, nanos: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', `${fraction(nanos)}Z`);
}

function fraction(nanos: number): string {
  if (nanos === 0) return '';
  return `.${String(nanos)
    .padStart(9, '0')
    .replace(/(?:000){1,2}$/, '')}`;
}
