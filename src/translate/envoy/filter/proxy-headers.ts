// Which headers a proxy adds, and how it passes on who called: from the workload's own ProxyConfig, else the mesh's.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig-ProxyHeaders
import type { MeshSettings } from '../../../model/mesh/mesh.ts';
import type { Proxy } from '../../../model/proxy/proxy.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import type { JsonObject } from '../../json-object.ts';
import { jsonObject } from '../../json-object.ts';
import { proxyConfig } from '../../proxy-config.ts';
import { extension } from '../../typed.ts';

type HttpConnectionManager =
  MessageOf['envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'];
export type ForwardClientCertDetails = NonNullable<HttpConnectionManager['forward_client_cert_details']>;

/** Only what was asked for: an empty value is the default. */
export interface HeaderSettings {
  readonly serverName?: string;
  readonly keepServerHeader?: true;
  readonly noRequestId?: true;
  readonly noEnvoyHeaders?: true;
  readonly keepHeaderCase?: true;
  readonly forwardedPort?: true;
  readonly forwardedClientCert?: ForwardClientCertDetails;
  readonly clientCertDetails?: Readonly<Record<string, boolean>>;
}

/** It may come from the network: what does not fit is left out. */
export function headerSettings(settings: MeshSettings, proxy: Proxy): HeaderSettings {
  const headers = jsonObject(proxyConfig(settings, proxy)['proxyHeaders']);
  if (headers === undefined) return {};
  const is = (field: string, key: 'disabled' | 'enabled'): boolean => jsonObject(headers[field])?.[key] === true;
  const serverName = jsonObject(headers['server'])?.['value'];
  return {
    ...(typeof serverName === 'string' && serverName !== '' && { serverName }),
    ...(is('server', 'disabled') && { keepServerHeader: true }),
    ...(is('requestId', 'disabled') && { noRequestId: true }),
    ...(is('envoyDebugHeaders', 'disabled') && { noEnvoyHeaders: true }),
    ...(headers['preserveHttp1HeaderCase'] === true && { keepHeaderCase: true }),
    ...(is('xForwardedPort', 'enabled') && { forwardedPort: true }),
    ...clientCertificate(headers),
  };
}

function clientCertificate(headers: JsonObject): Pick<HeaderSettings, 'forwardedClientCert' | 'clientCertDetails'> {
  const forward = forwardMode(headers['forwardedClientCert']);
  const details = jsonObject(headers['setCurrentClientCertDetails']);
  const set = detailNames.filter(
    (name) => typeof details?.[name] === 'boolean' && (details[name] || name === 'subject'),
  );
  return {
    ...(forward !== undefined && { forwardedClientCert: forward }),
    ...(details !== undefined && {
      clientCertDetails: Object.fromEntries(set.map((name) => [name, details[name] === true])),
    }),
  };
}

/** How a certificate that the client has shown is passed on; undefined for what is no way to do it. */
export const forwardMode = (written: unknown): ForwardClientCertDetails | undefined =>
  forwardModes.find((mode) => mode === written);

const forwardModes: readonly ForwardClientCertDetails[] = [
  'SANITIZE',
  'FORWARD_ONLY',
  'APPEND_FORWARD',
  'SANITIZE_SET',
  'ALWAYS_FORWARD_ONLY',
];
const detailNames = ['subject', 'cert', 'chain', 'dns', 'uri'];

/** The header settings that hold in both directions. */
export function headerOptions(headers: HeaderSettings): Partial<HttpConnectionManager> {
  return {
    ...(headers.serverName !== undefined && { server_name: headers.serverName }),
    ...(headers.keepServerHeader === true && { server_header_transformation: 'PASS_THROUGH' }),
    ...(headers.noRequestId === true && { generate_request_id: false }),
    ...(headers.forwardedPort === true && { append_x_forwarded_port: true }),
  };
}

/** What the `server` header says of a proxy of the mesh. */
export const meshServerHeader = 'istio-envoy';

/** Who the caller is, told to the application in `x-forwarded-client-cert`; and which server answered. */
export function inboundHeaderOptions(headers: HeaderSettings): Partial<HttpConnectionManager> {
  return {
    ...(headers.keepServerHeader !== true && { server_name: headers.serverName ?? meshServerHeader }),
    forward_client_cert_details: headers.forwardedClientCert ?? 'APPEND_FORWARD',
    set_current_client_cert_details: headers.clientCertDetails ?? { subject: true, dns: true, uri: true },
  };
}

/** HTTP/1 headers in the case they were written in. */
export const preservedHeaderCase: NonNullable<
  MessageOf['envoy.config.core.v3.Http1ProtocolOptions']['header_key_format']
> = {
  stateful_formatter: extension(
    'preserve_case',
    'envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig',
    {},
  ),
};
