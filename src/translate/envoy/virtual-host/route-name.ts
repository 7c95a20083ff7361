// Names of outbound route configurations: what listeners ask for and tools look up.
// https://istio.io/latest/docs/ops/diagnostic-tools/proxy-cmd/

/** The explicit HTTP proxy listener, which serves all ports. */
export const httpProxyRoutes = 'http_proxy';

export type RouteName =
  /** `80`: all services on the port */
  | { readonly kind: 'port'; readonly port: number }
  /** `store.shop.svc.cluster.local:80`: one service at its own address */
  | { readonly kind: 'service'; readonly host: string; readonly port: number }
  /** `unix:///run/egress.sock` */
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'http-proxy' };

/** Undefined for a name that we never gave out. */
export function parseRouteName(name: string): RouteName | undefined {
  if (name === httpProxyRoutes) return { kind: 'http-proxy' };
  if (name.startsWith('unix://')) return { kind: 'socket', path: name };
  const colon = name.lastIndexOf(':');
  const digits = name.slice(colon + 1);
  if (!/^\d{1,5}$/.test(digits)) return undefined;
  const port = Number(digits);
  return colon < 0 ? { kind: 'port', port } : { kind: 'service', host: name.slice(0, colon), port };
}
