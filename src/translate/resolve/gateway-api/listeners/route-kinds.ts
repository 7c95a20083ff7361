// Which kinds of routes a listener takes: those that its protocol can carry, as far as it allows them.
// https://gateway-api.sigs.k8s.io/reference/spec/#allowedroutes
import type { Listener } from './listener.ts';

/** `valid` is false when the listener asks for kinds that it cannot take; `datagrams`: whether there are listeners for those. */
export function supportedKinds(
  { protocol, tls, allowedRoutes }: Listener,
  datagrams: boolean,
): { readonly supported: readonly string[]; readonly valid: boolean } {
  const possible = protocol === 'UDP' && datagrams ? ['UDPRoute'] : kindsOf(protocol, tls?.mode === 'Terminate');
  const wanted = allowedRoutes.kinds ?? [];
  if (wanted.length === 0) return { supported: possible, valid: true };
  const supported = possible.filter((kind) =>
    wanted.some((one) => one.kind === kind && one.group === 'gateway.networking.k8s.io'),
  );
  return { supported, valid: supported.length === wanted.length };
}

function kindsOf(protocol: string, terminates: boolean): readonly string[] {
  switch (protocol) {
    case 'HTTP':
    case 'HTTPS':
      return ['HTTPRoute', 'GRPCRoute'];
    case 'TCP':
      return ['TCPRoute'];
    case 'TLS':
      return terminates ? ['TLSRoute', 'TCPRoute'] : ['TLSRoute'];
    default:
      return [];
  }
}
