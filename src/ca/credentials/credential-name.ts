// The names under which proxies ask for certificates of the user's own: they say in which object to look, and whether for a key
// pair or for the authorities that others are checked against.
// https://istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings

export interface CredentialName {
  readonly scheme: 'kubernetes' | 'kubernetes-gateway' | 'configmap';
  /** Absent: the proxy's own. */
  readonly namespace: string | undefined;
  /** Without the ending that asks for authorities. */
  readonly name: string;
  readonly wanted: 'key-pair' | 'authorities';
}

const authoritiesEnding = '-cacert';
const schemes = ['kubernetes', 'kubernetes-gateway', 'configmap'] as const;

/** `kubernetes://shop-cert`, `kubernetes-gateway://edge/shop-cert-cacert`; undefined for what is no such name. */
export function parseCredentialName(text: string): CredentialName | undefined {
  const split = text.indexOf('://');
  const scheme = schemes.find((one) => one === text.slice(0, Math.max(split, 0)));
  if (scheme === undefined) return undefined;
  const [first = '', second, ...more] = text.slice(split + 3).split('/');
  if (more.length > 0 || (second === undefined && scheme !== 'kubernetes')) return undefined;
  const full = second ?? first;
  const authorities = full.endsWith(authoritiesEnding);
  const name = authorities ? full.slice(0, -authoritiesEnding.length) : full;
  if (name === '' || (scheme === 'configmap' && !authorities)) return undefined;
  const namespace = second === undefined ? undefined : first;
  return { scheme, namespace, name, wanted: authorities ? 'authorities' : 'key-pair' };
}

export const authoritiesObject = (name: string): string => `${name}${authoritiesEnding}`;
