// The daemon's log: a line per event on standard error, for people or, with --json, for machines.
import type { Log } from '../xds/log.ts';
import type { Io } from './io.ts';

export function lineLog(io: Io, json: boolean): Log {
  const write =
    (level: 'info' | 'warn' | 'error') =>
    (message: string, fields: object = {}) => {
      const time = new Date().toISOString();
      io.stderr(
        `${json ? JSON.stringify({ time, level, message, ...fields }) : `${time} ${level.padEnd(5)} ${message}${pairs(fields)}`}\n`,
      );
    };
  return { info: write('info'), warn: write('warn'), error: write('error') };
}

const pairs = (fields: object): string =>
  Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(
      ([key, value]) =>
        ` ${key}=${/^[\w./:~@-]+$/.test(String(value)) ? String(value) : JSON.stringify(String(value))}`,
    )
    .join('');
