// Numbers, times and sizes as people read them.

/** `3.2 s`, `4 min`, `2 d`, `8 years` */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds < 10 ? Number(seconds.toFixed(1)) : Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  const days = Math.round(seconds / 86_400);
  return days < 730 ? `${days} d` : `${Math.round(days / 365)} years`;
}

export function ago(time: number, now: number): string {
  if (time === 0) return 'never';
  return now - time < 1000 ? 'just now' : `${duration(now - time)} ago`;
}

export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

const format = new Intl.NumberFormat('en');

/** `1,234` */
export const numeral = (number: number): string => format.format(number);

export const count = (number: number, one: string, many = `${one}s`): string =>
  `${numeral(number)} ${number === 1 ? one : many}`;

export const moment = (time: number): string => new Date(time).toISOString().replace('T', ' ').slice(0, 19);

export const kindNames = {
  cluster: 'clusters',
  endpoint: 'endpoints',
  listener: 'listeners',
  route: 'routes',
  virtualHost: 'virtual hosts',
  extension: 'extensions',
} as const;
