// A process of our own: started, watched, its last words kept for when something goes wrong, ended by its own id.
import type { ChildProcess } from 'node:child_process';

import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

const keptLines = 400;

/** Whatever happens to us, nothing that we started outlives us. */
const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

export interface RunningProcess {
  readonly name: string;
  /** 0 if it could not be started. */
  readonly pid: number;
  /** Settles with a description of how it ended, expected or not. */
  readonly ended: Promise<string>;
  /** The last lines it wrote to either output, at most 400. */
  readonly lines: () => readonly string[];
  /** Asks it to end, insists after five seconds, and waits until it is gone. */
  readonly stop: () => Promise<void>;
}

/**
 * `name` is for messages. The process gets this one's environment and no input, and a group of its own: Ctrl-C is for
 * us, who then end it in order. `onLine` is told each line it writes, as it does.
 */
export function startProcess(
  name: string,
  command: string,
  args: readonly string[],
  onLine: (line: string) => void = () => {},
): RunningProcess {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  running.add(child);
  child.once('close', () => running.delete(child));
  const kept: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    readLines(stream, (line) => {
      kept.push(line);
      if (kept.length > keptLines) kept.shift();
      onLine(line);
    });
  const ended = endOf(child);
  return {
    name,
    pid: child.pid ?? 0,
    ended,
    lines: () => kept,
    stop: async () => {
      child.kill('SIGTERM');
      const inTime = await Promise.race([ended.then(() => true), delay(5000, false, { ref: false })]);
      if (!inTime) child.kill('SIGKILL');
      await ended;
    },
  };
}

/**
 * Asks `probe` every 25 ms until it says yes. Throws, with the process's last lines, when the process ends first or
 * `seconds` have passed. A probe that throws has said no.
 */
export async function waitUntil(
  awaited: RunningProcess,
  what: string,
  probe: () => Promise<boolean> | boolean,
  seconds = 60,
): Promise<void> {
  const seen: { end?: string } = {};
  void awaited.ended.then((how) => (seen.end = how));
  const attempts = (seconds * 1000) / 25;
  for (let attempt = 0; attempt < attempts && seen.end === undefined; attempt++) {
    if (await Promise.resolve(probe()).catch(() => false)) return;
    await delay(25);
  }
  throw new Error(failure(awaited, seen.end ?? `${what}: not within ${seconds} s`));
}

/** What happened, and the end of what the process wrote. */
export function failure(failed: RunningProcess, what: string): string {
  const last = failed.lines().slice(-15);
  return [`${failed.name}: ${what}`, ...last.map((line) => `  | ${line}`)].join('\n');
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`could not be started: ${error.message}`));
    child.once('close', (code, signal) => resolve(signal === null ? `ended with code ${code}` : `ended by ${signal}`));
  });
}

function readLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(onLine);
  });
}
