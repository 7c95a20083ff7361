// A network of one's own for a process: nothing but loopback, where every address and port can be bound; and a /var/log
// of its own. Needs root, or the permission to make user namespaces.
// https://man7.org/linux/man-pages/man1/unshare.1.html
import { spawnSync } from 'node:child_process';

const prepare = [
  'ip link set lo up',
  'echo 1 > /proc/sys/net/ipv4/ip_nonlocal_bind',
  'if [ -e /proc/sys/net/ipv6/ip_nonlocal_bind ]; then echo 1 > /proc/sys/net/ipv6/ip_nonlocal_bind; fi',
  'mount -t tmpfs none /var/log',
  // The directories come first, up to a dash.
  'while [ "$1" != - ]; do mkdir -p "$1"; shift; done; shift',
  // What Node gives a process as its standard output is a socket, which cannot be opened by name as access logs are.
  'exec "$@" > /dev/null',
].join(' && ');

const candidates = [
  ['unshare', '-nm'],
  ['unshare', '-rnm'],
].map((command) => [...command, 'sh', '-c', prepare, 'sh']);

const permitted = candidates.find(
  ([command = '', ...args]) => spawnSync(command, [...args, '-', 'true'], { stdio: 'ignore' }).status === 0,
);

/**
 * The beginning of a command line that runs the rest of it in a network of its own, after making these directories, which
 * are below /var/log; undefined where that is forbidden.
 */
export const ownNetwork =
  permitted && ((directories: readonly string[] = []): readonly string[] => [...permitted, ...directories, '-']);

export const whyNoNetwork = 'this system lets us make no network namespace';
