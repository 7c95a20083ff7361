// Pods as a node has them: network namespaces that see nothing but each other, whose connections are redirected to the
// Envoy in them. Needs root, `ip` and `iptables`; nothing reaches the network of the machine.
// https://istio.io/latest/docs/ops/deployment/application-requirements/#ports-used-by-istio
import { execFileSync, spawnSync } from 'node:child_process';

import { interceptionRules } from '../../../src/interception/rules.ts';

export interface PodNetwork {
  readonly address: string;
  /** Runs the rest of a command line in it, as its Envoy: not redirected. */
  readonly asProxy: readonly string[];
  /** Runs the rest of a command line in it, as anybody else. */
  readonly asApp: readonly string[];
}

export interface PodPair {
  readonly client: PodNetwork;
  readonly server: PodNetwork;
  readonly remove: () => void;
}

/** Envoy is told from the app by its group. */
const proxyGroup = '1337';

/** All of TCP, as `keelson intercept` writes it. */
const redirection = interceptionRules(
  {
    mode: 'REDIRECT',
    outboundPort: 15001,
    inboundPort: 15006,
    proxyUids: ['1337'],
    proxyGids: [proxyGroup],
    inboundPorts: '*',
    excludedInboundPorts: [],
    outboundPorts: [],
    excludedOutboundPorts: [],
    outboundRanges: '*',
    excludedOutboundRanges: [],
    virtualInterfaces: [],
    excludedInterfaces: [],
    captureDns: false,
  },
  'ipv4',
  { existing: '', dnsServers: [] },
).text;

const run = (command: string, ...args: readonly string[]): void =>
  void execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
const ip = (...args: readonly string[]): void => run('ip', ...args);

/** Why there can be no such networks here; undefined if there can. */
export function whyNoPods(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root can make networks of Pods';
  const missing = ['ip', 'iptables-restore', 'setpriv'].filter(
    (name) => spawnSync(name, ['--version']).error !== undefined,
  );
  if (missing.length > 0) return `not installed here: ${missing.join(', ')}`;
  try {
    podPair().remove();
    return undefined;
  } catch (error) {
    return `this system lets us make no network of Pods: ${(error as Error).message}`;
  }
}

let pairs = 0;

/** Two Pods with a wire between them. Without `redirected` nobody's connections are led anywhere yet. */
export function podPair(redirected = true): PodPair {
  const names = ['client', 'server'].map((name) => `keelson-${process.pid}-${++pairs}-${name}`);
  const [client = '', server = ''] = names;
  const remove = (): void => {
    for (const name of names) spawnSync('ip', ['netns', 'del', name]);
  };
  try {
    for (const name of names) ip('netns', 'add', name);
    ip('-n', client, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', server);
    return { client: join(client, '10.99.0.1', redirected), server: join(server, '10.99.0.2', redirected), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function join(name: string, address: string, redirected: boolean): PodNetwork {
  ip('-n', name, 'address', 'add', `${address}/24`, 'dev', 'eth0');
  ip('-n', name, 'link', 'set', 'lo', 'up');
  ip('-n', name, 'link', 'set', 'eth0', 'up');
  // Without it nothing would be sent to the addresses of services, and so nothing redirected.
  ip('-n', name, 'route', 'add', 'default', 'dev', 'eth0');
  const asApp = ['ip', 'netns', 'exec', name];
  if (redirected)
    execFileSync('ip', [...asApp.slice(1), 'iptables-restore'], {
      input: redirection,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
  return { address, asApp, asProxy: [...asApp, 'setpriv', '--regid', proxyGroup, '--clear-groups'] };
}
