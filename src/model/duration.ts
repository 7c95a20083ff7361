// Durations as Go's time.ParseDuration reads them: `1.5s`, `1h30m`, `-200ms`, `0`.
// https://pkg.go.dev/time#ParseDuration

const milliseconds: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3, // U+00B5, the micro sign
  μs: 1e-3, // U+03BC, the Greek letter
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const component = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;
const longest = 64;

/** Milliseconds, or undefined when `text` is no duration. */
export function parseDuration(text: string): number | undefined {
  if (text.length > longest) return undefined;
  const sign = text.startsWith('-') ? -1 : 1;
  const start = text.startsWith('-') || text.startsWith('+') ? 1 : 0;
  if (text.slice(start) === '0') return 0;
  let total = 0;
  component.lastIndex = start;
  while (component.lastIndex < text.length) {
    const match = component.exec(text);
    if (match === null) return undefined;
    total += Number(match[1]) * (milliseconds[match[2] ?? ''] ?? Number.NaN);
  }
  return text.length === start ? undefined : sign * total;
}
