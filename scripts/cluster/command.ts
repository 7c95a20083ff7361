// Commands that a cluster is made with: run to their end, their output returned, their complaints in the error.
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';

export interface CommandOptions {
  readonly cwd?: string;
  /** Over this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Text for its standard input. */
  readonly input?: string;
  /** A file for its standard input. */
  readonly inputFile?: string;
  readonly timeoutMs?: number;
}

/** What the command writes to standard output. Throws an Error with the end of what it complained about. */
export async function output(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await result(command, args, options);
  if (status !== 0)
    throw new Error(
      `${command} ${args.slice(0, 6).join(' ')} ... ended with ${status}\n${lastLines(stderr || stdout)}`,
    );
  return stdout;
}

export interface CommandResult {
  /** The exit code, or the signal. */
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Like `output`, for commands that may fail. Throws only when the command cannot be started. */
export function result(
  command: string,
  args: readonly string[],
  { cwd, env, input, inputFile, timeoutMs = 600_000 }: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.once('error', reject);
    child.once('close', (code, signal) =>
      resolve({
        status: code ?? signal ?? -1,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      }),
    );
    // A command that does not read all of its input is not a failure of ours.
    child.stdin.on('error', () => {});
    if (inputFile === undefined) child.stdin.end(input ?? '');
    else createReadStream(inputFile).pipe(child.stdin);
  });
}

/** Whether the command can be started and succeeds. */
export const succeeds = (command: string, args: readonly string[], options: CommandOptions = {}): Promise<boolean> =>
  result(command, args, options).then(
    ({ status }) => status === 0,
    () => false,
  );

const lastLines = (text: string): string => text.trimEnd().split('\n').slice(-12).join('\n');
