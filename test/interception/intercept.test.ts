// The init container's program in a network of its own: what it writes the kernel takes, in both address families, and
// again when the container is started again.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { InterceptionOptions } from '../../src/interception/options.ts';
import { interceptionArgs, interceptionFlags, interceptionOptions } from '../../src/interception/options.ts';
import { interceptionRules } from '../../src/interception/rules.ts';
import type { PodPair } from '../support/mesh/pods-network.ts';
import { podPair, whyNoPods } from '../support/mesh/pods-network.ts';

const everything: InterceptionOptions = {
  mode: 'REDIRECT',
  outboundPort: 15001,
  inboundPort: 15006,
  proxyUids: ['1337'],
  proxyGids: ['4322'],
  inboundPorts: '*',
  excludedInboundPorts: [15090, 15021, 9999],
  outboundPorts: [443],
  excludedOutboundPorts: [25],
  outboundRanges: ['10.96.0.0/16', 'fd00:96::/64'],
  excludedOutboundRanges: ['10.96.7.7/32'],
  virtualInterfaces: ['net1'],
  excludedInterfaces: ['eth7'],
  captureDns: true,
};
const parsed = (args: readonly string[]): InterceptionOptions =>
  interceptionOptions(parseArgs({ args: [...args], options: interceptionFlags }).values);

describe('the command line', () => {
  test('says what was meant', () => {
    expect(parsed(interceptionArgs(everything))).toEqual(everything);
    expect(parsed(['-b', '', '-i', '*'])).toMatchObject({ inboundPorts: [], outboundRanges: '*', proxyGids: ['1337'] });
  });

  test.each([
    ['-m', 'MAGIC'],
    ['-d', '70000'],
    ['-i', '10.0.0.0/8\n-A OUTPUT -j DROP'],
    ['-c', 'eth0 -j ACCEPT'],
    ['-u', 'root'],
  ])('%s %s is refused', (flag, value) => {
    expect(() => parsed([flag, value])).toThrow();
  });
});

test('a listed port is captured and no other, an excluded one is let through before', () => {
  const surroundings = { existing: '', dnsServers: [] };
  const { text } = interceptionRules({ ...everything, inboundPorts: [8080] }, 'ipv4', surroundings);
  const inbound = text.split('\n').filter((line) => line.startsWith('-A KEELSON_INBOUND'));
  expect(inbound).toEqual(['-A KEELSON_INBOUND -p tcp --dport 8080 -j KEELSON_TO_INBOUND']);
  const outbound = text.split('\n').filter((line) => line.startsWith('-A KEELSON_OUTBOUND'));
  expect(outbound[0]).toBe('-A KEELSON_OUTBOUND -p tcp --dport 25 -j RETURN');
  expect(outbound.indexOf('-A KEELSON_OUTBOUND -d 10.96.7.7/32 -j RETURN')).toBeLessThan(
    outbound.indexOf('-A KEELSON_OUTBOUND -p tcp -d 10.96.0.0/16 -j KEELSON_TO_OUTBOUND'),
  );
  // Over loopback only the proxy's own calls to other addresses than 127.0.0.1 are led anywhere.
  const overLoopback = outbound.filter((line) => line.includes(' lo '));
  expect(overLoopback).toEqual([
    '-A KEELSON_OUTBOUND -s 127.0.0.6/32 -o lo -j RETURN',
    '-A KEELSON_OUTBOUND ! -d 127.0.0.1/32 -o lo -p tcp -m owner --uid-owner 1337 -j KEELSON_TO_INBOUND',
    '-A KEELSON_OUTBOUND ! -d 127.0.0.1/32 -o lo -p tcp -m owner --gid-owner 4322 -j KEELSON_TO_INBOUND',
    '-A KEELSON_OUTBOUND -o lo -j RETURN',
  ]);
  expect(text).not.toContain('fd00');
});

const why = whyNoPods();
if (why !== undefined) process.stderr.write(`skipped: ${why}\n`);
const program = resolve(import.meta.dirname, '../../src/cli/keelson.ts');

describe.skipIf(why !== undefined)('in a network of its own', { timeout: 30_000 }, () => {
  let pods: PodPair;
  const directory = mkdtempSync(join(tmpdir(), 'keelson-intercept-'));
  const inPod = (...command: readonly string[]): string => {
    const [first = '', ...rest] = [...pods.server.asApp, ...command];
    return execFileSync(first, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  };
  const environment = ['INSTANCE_IP=10.99.0.2', 'POD_NAME=crane-1', 'POD_NAMESPACE=harbour'];
  const intercept = (options: InterceptionOptions, ...more: readonly string[]): string =>
    inPod(
      'env',
      ...environment,
      process.execPath,
      program,
      'intercept',
      ...interceptionArgs(options),
      '--directory',
      directory,
      ...more,
    );
  /** Without counters and comments, which differ each time. */
  const saved = (command: string): string =>
    inPod(command)
      .replaceAll(/^#.*\n/gm, '')
      .replaceAll(/\[\d+:\d+\]/g, '');

  beforeAll(() => {
    pods = podPair(false);
    inPod('ip', 'address', 'add', 'fd00:99::2/64', 'dev', 'eth0', 'nodad');
  });
  afterAll(() => {
    pods.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  test.each(['REDIRECT', 'TPROXY'] as const)('%s rules of both families are taken, and replaced', (mode) => {
    intercept({ ...everything, mode });
    const once = [saved('iptables-save'), saved('ip6tables-save'), inPod('ip', 'rule')];
    intercept({ ...everything, mode });
    expect([saved('iptables-save'), saved('ip6tables-save'), inPod('ip', 'rule')]).toEqual(once);
    const [ipv4 = '', ipv6 = '', rules = ''] = once;
    expect(ipv4).toContain('-A KEELSON_OUTBOUND -d 10.96.0.0/16 -p tcp -j KEELSON_TO_OUTBOUND');
    expect(ipv6).toContain('-A KEELSON_OUTBOUND -d fd00:96::/64 -p tcp -j KEELSON_TO_OUTBOUND');
    expect(inPod('ip', '-6', 'address', 'show', 'dev', 'lo')).toContain('::6/128');
    if (mode === 'TPROXY') expect(rules.match(/lookup 133/g)).toHaveLength(1);
  });

  test('what somebody else wrote stays', () => {
    inPod('iptables', '-t', 'nat', '-A', 'OUTPUT', '-p', 'tcp', '--dport', '7', '-j', 'RETURN');
    intercept(everything);
    expect(saved('iptables-save')).toContain('--dport 7 -j RETURN');
  });

  test('the bootstrap is written for Envoy to read', () => {
    const { node } = JSON.parse(readFileSync(join(directory, 'envoy.json'), 'utf8')) as { node: { id: string } };
    expect(node.id).toBe('sidecar~10.99.0.2~crane-1.harbour~harbour.svc.cluster.local');
  });

  test('rules that are not there are found out, and those that are', () => {
    const check = (pair: PodPair) => {
      const [first = '', ...rest] = [
        ...pair.client.asProxy,
        'env',
        ...environment.toSpliced(0, 1, 'INSTANCE_IP=10.99.0.1'),
      ];
      const words = [
        process.execPath,
        program,
        'intercept',
        '--skip-rule-apply',
        '--run-validation',
        '--validation-seconds',
        '1',
        '--directory',
        directory,
      ];
      return spawnSync(first, [...rest, ...words], { encoding: 'utf8' });
    };
    const bare = check(pods);
    expect([bare.status, bare.stderr]).toEqual([1, expect.stringContaining('are not redirected to port 15006')]);
    const redirected = podPair();
    const fine = check(redirected);
    redirected.remove();
    expect([fine.status, fine.stderr]).toEqual([0, '']);
  });
});
