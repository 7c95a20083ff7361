// The daemon's log: a line per event on standard error, for people or, with --json, for machines.
import type { Log } from '../../xds/log.ts';
import type { Io } from '../io.ts';

/** From the least to the most that is told. */
export const logLevels = ['none', 'error', 'warn', 'info'] as const;
export type LogLevel = (typeof logLevels)[number];

/** How much is told, as long as nobody changes it. */
export interface LogSwitch {
  most: LogLevel;
}

export function lineLog(io: Io, json: boolean, told: LogSwitch): Log {
  const write =
    (level: Exclude<LogLevel, 'none'>) =>
    (message: string, fields: object = {}) => {
      if (logLevels.indexOf(level) > logLevels.indexOf(told.most)) return;
      const time = new Date().toISOString();
      io.stderr(
        `${json ? JSON.stringify({ time, level, message, ...fields }) : `${time} ${level.padEnd(5)} ${message}${pairs(fields)}`}\n`,
      );
    };
  return { info: write('info'), warn: write('warn'), error: write('error') };
}

/** The same by words that come from outside. */
export const levelSwitch = (told: LogSwitch): { current: () => string; change: (level: string) => boolean } => ({
  current: () => told.most,
  change: (wanted) => {
    const level = logLevels.find((each) => each === wanted);
    if (level !== undefined) told.most = level;
    return level !== undefined;
  },
});

const pairs = (fields: object): string =>
  Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(
      ([key, value]) =>
        ` ${key}=${/^[\w./:~@-]+$/.test(String(value)) ? String(value) : JSON.stringify(String(value))}`,
    )
    .join('');
