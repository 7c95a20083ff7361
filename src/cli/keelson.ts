#!/usr/bin/env node
// The command `keelson`: finds the subcommand and runs it. Every subcommand is a file of its own in this folder, loaded
// only when it is called.
import { WrongQuestion } from '../inspect/mesh-reader.ts';
import type { Io } from './io.ts';
import { exit, table, UsageError } from './io.ts';

type Run = (argv: readonly string[], io: Io) => Promise<number>;

interface Command {
  readonly summary: string;
  readonly load: () => Promise<Run>;
}

const commands: Readonly<Record<string, Command>> = {
  serve: { summary: 'run the control plane', load: async () => (await import('./serve.ts')).serve },
  discovery: {
    summary: 'the same, with the flags of istiod',
    load: async () => (await import('./serve.ts')).discovery,
  },
  validate: { summary: 'check files and report problems', load: async () => (await import('./validate.ts')).validate },
  xds: { summary: 'print what Envoys would be sent, without any', load: async () => (await import('./xds.ts')).xds },
  explain: {
    summary: 'show which objects and fields caused a resource',
    load: async () => (await import('./explain.ts')).explain,
  },
  manifests: {
    summary: 'print what is applied to a cluster to install the control plane',
    load: async () => (await import('./manifests.ts')).manifests,
  },
  diff: {
    summary: 'show what a manifest would change, and in which proxies',
    load: async () => (await import('./diff.ts')).diff,
  },
  proxy: {
    summary: 'show what the proxies of a daemon have',
    load: async () => (await import('./proxy.ts')).proxy,
  },
  trace: {
    summary: 'simulate one request, with the cause of each decision',
    load: async () => (await import('./trace.ts')).trace,
  },
  request: {
    summary: 'print a page of a daemon',
    load: async () => (await import('./request.ts')).request,
  },
  bootstrap: {
    summary: 'print or write the bootstrap of an Envoy',
    load: async () => (await import('./bootstrap.ts')).bootstrap,
  },
  inject: { summary: 'add the sidecar to manifests', load: async () => (await import('./inject.ts')).inject },
  intercept: {
    summary: "prepare a Pod for its Envoy: what injection's init container runs",
    load: async () => (await import('./intercept.ts')).intercept,
  },
  ca: {
    summary: 'look at the authority of a daemon, or rotate its root',
    load: async () => (await import('./ca.ts')).ca,
  },
};

const usage = (): string =>
  `Keelson, a control plane for Envoy.\n\nUsage: keelson COMMAND [OPTIONS]\n\n` +
  table([['Command', ''], ...Object.entries(commands).map(([name, { summary }]) => [`  ${name}`, summary])]) +
  `\n'keelson COMMAND --help' tells more.\n`;

/** Runs one command line; the result is the exit code. Wrong use and unreadable input are told, bugs are thrown. */
export async function keelson(argv: readonly string[], io: Io): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    io.stdout(usage());
    return name === undefined ? exit.usage : exit.fine;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    io.stderr(`keelson: there is no command '${name}'\n\n${usage()}`);
    return exit.usage;
  }
  try {
    return await (
      await command.load()
    )(rest, io);
  } catch (error) {
    if (!isWrongUse(error)) throw error;
    io.stderr(`keelson ${name}: ${error.message}\nSee 'keelson ${name} --help'.\n`);
    return exit.usage;
  }
}

/** Our own word for it, or that of node's argument parser. */
const isWrongUse = (error: unknown): error is Error =>
  error instanceof UsageError ||
  error instanceof WrongQuestion ||
  (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'));

if (import.meta.main) {
  // A reader that has seen enough, such as `head`, is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) =>
    process.exit(error.code === 'EPIPE' ? exit.fine : exit.bad),
  );
  process.exitCode = await keelson(process.argv.slice(2), {
    stdout: (text) => process.stdout.write(text),
    stderr: (text) => process.stderr.write(text),
  });
}
