// Routes that Envoy answers itself: redirects and fixed responses.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRedirect
import type { HTTPDirectResponse, HTTPRedirect } from '../../../model/schema/index.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';

type RedirectAction = MessageOf['envoy.config.route.v3.RedirectAction'];
type DirectResponseAction = MessageOf['envoy.config.route.v3.DirectResponseAction'];

/**
 * `listenPort`: the port that the redirected request came in for, `tls`: whether over TLS. Undefined: Envoy has no such
 * response code.
 */
export function redirectAction(redirect: HTTPRedirect, listenPort: number, tls = false): RedirectAction | undefined {
  const code = redirect.redirectCode === undefined || redirect.redirectCode === 0 ? 301 : redirect.redirectCode;
  const responseCode = responseCodes[code];
  if (responseCode === undefined) return undefined;
  const port = redirectPort(redirect, listenPort, tls);
  return {
    ...(redirect.prefixRewrite !== undefined && redirect.prefixRewrite !== ''
      ? { prefix_rewrite: redirect.prefixRewrite }
      : { path_redirect: redirect.uri ?? '' }),
    ...(redirect.authority !== undefined && redirect.authority !== '' && { host_redirect: redirect.authority }),
    ...(redirect.scheme !== undefined && redirect.scheme !== '' && { scheme_redirect: redirect.scheme }),
    ...(port !== undefined && { port_redirect: port }),
    ...(code !== 301 && { response_code: responseCode }),
  };
}

/** The longest body that Envoy is asked to send by itself. */
export const maxBodyBytes = 1_048_576;

/** Undefined: the body is too long, for which Envoy would refuse everything that comes with it. */
export function directResponse({ status, body }: HTTPDirectResponse): DirectResponseAction | undefined {
  if (body?.string !== undefined) {
    const bytes = new TextEncoder().encode(body.string).length;
    return bytes > maxBodyBytes ? undefined : { status, body: { inline_string: body.string } };
  }
  if (body?.bytes === undefined) return { status };
  return (body.bytes.length / 4) * 3 > maxBodyBytes ? undefined : { status, body: { inline_bytes: body.bytes } };
}

const responseCodes: Readonly<Record<number, NonNullable<RedirectAction['response_code']>>> = {
  301: 'MOVED_PERMANENTLY',
  302: 'FOUND',
  303: 'SEE_OTHER',
  307: 'TEMPORARY_REDIRECT',
  308: 'PERMANENT_REDIRECT',
};

/** Left out where it is the default of the scheme, so that no `:80` or `:443` shows. */
function redirectPort(redirect: HTTPRedirect, listenPort: number, tls: boolean): number | undefined {
  const port = redirect.derivePort === 'FROM_REQUEST_PORT' ? listenPort : redirect.port;
  const implied = { http: 80, https: 443 }[redirect.scheme || (tls ? 'https' : 'http')];
  return port === undefined || port === 0 || port === implied ? undefined : port;
}
