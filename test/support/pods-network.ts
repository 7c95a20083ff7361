// Pods as a node has them: network namespaces that see nothing but each other, whose connections are redirected to the
// Envoy in them. Needs root, `ip` and `iptables`; nothing reaches the network of the machine.
// https://istio.io/latest/docs/ops/deployment/application-requirements/#ports-used-by-istio
import { execFileSync, spawnSync } from 'node:child_process';

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

/** In the words of iptables-restore. */
const redirection = `
*nat
:KEELSON_INBOUND - [0:0]
:KEELSON_TO_INBOUND - [0:0]
:KEELSON_OUTBOUND - [0:0]
:KEELSON_TO_OUTBOUND - [0:0]
-A PREROUTING -p tcp -j KEELSON_INBOUND
-A OUTPUT -p tcp -j KEELSON_OUTBOUND
-A KEELSON_INBOUND -p tcp -j KEELSON_TO_INBOUND
-A KEELSON_TO_INBOUND -p tcp -j REDIRECT --to-ports 15006
-A KEELSON_TO_OUTBOUND -p tcp -j REDIRECT --to-ports 15001
-A KEELSON_OUTBOUND -s 127.0.0.6/32 -o lo -j RETURN
-A KEELSON_OUTBOUND ! -d 127.0.0.1/32 -o lo -p tcp -m owner --gid-owner ${proxyGroup} -j KEELSON_TO_INBOUND
-A KEELSON_OUTBOUND -o lo -m owner ! --gid-owner ${proxyGroup} -j RETURN
-A KEELSON_OUTBOUND -m owner --gid-owner ${proxyGroup} -j RETURN
-A KEELSON_OUTBOUND -d 127.0.0.1/32 -j RETURN
-A KEELSON_OUTBOUND -p tcp -j KEELSON_TO_OUTBOUND
COMMIT
`;

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

/** Two Pods with a wire between them. */
export function podPair(): PodPair {
  const names = ['client', 'server'].map((name) => `keelson-${process.pid}-${++pairs}-${name}`);
  const [client = '', server = ''] = names;
  const remove = (): void => {
    for (const name of names) spawnSync('ip', ['netns', 'del', name]);
  };
  try {
    for (const name of names) ip('netns', 'add', name);
    ip('-n', client, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', server);
    return { client: join(client, '10.99.0.1'), server: join(server, '10.99.0.2'), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function join(name: string, address: string): PodNetwork {
  ip('-n', name, 'address', 'add', `${address}/24`, 'dev', 'eth0');
  ip('-n', name, 'link', 'set', 'lo', 'up');
  ip('-n', name, 'link', 'set', 'eth0', 'up');
  // Without it nothing would be sent to the addresses of services, and so nothing redirected.
  ip('-n', name, 'route', 'add', 'default', 'dev', 'eth0');
  const asApp = ['ip', 'netns', 'exec', name];
  execFileSync('ip', [...asApp.slice(1), 'iptables-restore'], {
    input: redirection,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  return { address, asApp, asProxy: [...asApp, 'setpriv', '--regid', proxyGroup, '--clear-groups'] };
}
