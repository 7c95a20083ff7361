// Which listeners of a Gateway get in each other's way. Those that lose free their place: a third one may have it.
// https://gateway-api.sigs.k8s.io/reference/spec/#gatewayspec
import type { Listener } from './listener.ts';

/**
 * `all` in order of precedence; for each the reason why it lost its place, or undefined. `datagrams`: whether there are
 * listeners for those, whose ports are others than those of connections.
 */
export function listenerConflicts(all: readonly Listener[], datagrams: boolean): readonly (string | undefined)[] {
  const byPort = new Map<number, Listener[]>();
  return all.map((listener) => {
    const settled = byPort.get(listener.port) ?? [];
    const owner = settled.find((other) => !areDistinct(listener, other, datagrams));
    if (owner !== undefined) return reasonOf(listener, owner);
    byPort.set(listener.port, [...settled, listener]);
    return undefined;
  });
}

const isLayer4 = ({ protocol }: Listener): boolean => protocol === 'TCP' || protocol === 'UDP';
const hasHostname = ({ protocol }: Listener): boolean => ['HTTP', 'HTTPS', 'TLS'].includes(protocol);

/** On one port. */
function areDistinct(a: Listener, b: Listener, datagrams: boolean): boolean {
  if (datagrams && a.protocol !== b.protocol && (a.protocol === 'UDP' || b.protocol === 'UDP')) return true;
  if (hasHostname(a) && hasHostname(b)) return (a.hostname || '*') !== (b.hostname || '*');
  const known = [a, b].every((listener) => isLayer4(listener) || hasHostname(listener));
  return known ? false : a.protocol !== b.protocol;
}

const reasonOf = (loser: Listener, winner: Listener): string =>
  (isLayer4(loser) && isLayer4(winner)) || loser.protocol !== winner.protocol ? 'ProtocolConflict' : 'HostnameConflict';
