// Hands the interception rules to the kernel: one iptables-restore for each address family that the Pod has.
// https://manpages.debian.org/iptables-restore
import type { Family, RoutingStep } from '../../interception/rules.ts';
import type { InterceptionOptions } from '../../interception/options.ts';
import type { Io } from '../io.ts';

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';

import { environment } from '../../config.ts';
import { interceptionRules } from '../../interception/rules.ts';

export interface Apply {
  readonly io: Io;
  /** Prints the rules only. */
  readonly dryRun: boolean;
  /** A directory for the lock of iptables, as the root file system is read-only. */
  readonly lock: string;
}

/** Throws with what the tools said. */
export function applyRules(options: InterceptionOptions, apply: Apply): void {
  const families = familiesHere();
  const servers = resolvers();
  for (const family of families) {
    const commands = commandsOf(family, apply);
    const rules = interceptionRules(options, family, {
      existing: apply.dryRun ? '' : commands.save(),
      dnsServers: serversOf(family, families, servers),
    });
    apply.io.stdout(`# ${family}\n${rules.text}`);
    if (apply.dryRun) continue;
    if (family === 'ipv6') addProxyAddress();
    commands.restore(rules.text);
    rules.routing.forEach((step) => route(step));
  }
}

/** A Pod has IPv6 when it has an address beyond those that every interface has. */
function familiesHere(): readonly Family[] {
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal }) => !internal)
    .map(({ address }) => address);
  const ipv6 = addresses.some((address) => isIPv6(address) && !/^fe[89ab]/i.test(address));
  const ipv4 = addresses.some((address) => isIPv4(address)) || !ipv6;
  return [...(ipv4 ? (['ipv4'] as const) : []), ...(ipv6 ? (['ipv6'] as const) : [])];
}

/** Envoy listens for queries in one family, IPv4 if there is it. */
const serversOf = (family: Family, families: readonly Family[], servers: readonly string[]): readonly string[] =>
  family === families[0] ? servers.filter((server) => isIPv6(server) === (family === 'ipv6')) : [];

function resolvers(): readonly string[] {
  try {
    const lines = readFileSync('/etc/resolv.conf', 'utf8').split('\n');
    const listed = lines.flatMap((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? []);
    return listed.filter((server) => isIPv4(server) || isIPv6(server));
  } catch {
    return [];
  }
}

interface Commands {
  readonly save: () => string;
  readonly restore: (text: string) => void;
}

/** nftables underneath; where the kernel lacks it, the older tables. */
function commandsOf(family: Family, { lock }: Apply): Commands {
  const name = family === 'ipv6' ? 'ip6tables' : 'iptables';
  const variants = [name, `${name}-legacy`];
  const env = { ...environment(), XTABLES_LOCKFILE: join(lock, 'xtables.lock') };
  const run = (command: string, args: readonly string[], input: string): string =>
    execFileSync(command, args, { input, env, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
  const first = <T>(attempt: (variant: string) => T): T => {
    const said: string[] = [];
    for (const variant of variants) {
      try {
        return attempt(variant);
      } catch (error) {
        said.push(`${variant}: ${reason(error)}`);
      }
    }
    throw new Error(`the redirection rules could not be written (it takes NET_ADMIN and iptables): ${said.join('; ')}`);
  };
  return {
    save: () => first((variant) => run(`${variant}-save`, [], '')),
    restore: (text) => void first((variant) => run(`${variant}-restore`, ['--noflush', '--wait=30'], text)),
  };
}

/** The address from which Envoy reaches the application: unlike 127.0.0.6 it is not there by itself. */
const addProxyAddress = (): void => ip(['-6', 'addr', 'replace', '::6/128', 'dev', 'lo']);

function route({ removes, args }: RoutingStep): void {
  try {
    ip(args);
  } catch (error) {
    if (!removes) throw error;
  }
}

function ip(args: readonly string[]): void {
  try {
    execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  } catch (error) {
    throw new Error(`ip ${args.join(' ')}: ${reason(error)}`, { cause: error });
  }
}

const longestReason = 500;
const reason = (error: unknown): string => {
  const { stderr, message } = error as { readonly stderr?: string; readonly message: string };
  return (stderr || message).trim().replaceAll(/\s+/g, ' ').slice(0, longestReason);
};
