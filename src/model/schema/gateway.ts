// Gateway: the listeners at the edge of the mesh, and the server-side TLS settings that Sidecar shares.
// https://istio.io/latest/docs/reference/config/networking/gateway/
import type { Static } from './fields.ts';
import { boolean, list, map, message, oneOf, port, string } from './fields.ts';

export const TLSProtocol = oneOf('TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3');
export type TLSProtocol = Static<typeof TLSProtocol>;

export const TLSCertificate = message({ serverCertificate: string, privateKey: string, caCertificates: string });
export type TLSCertificate = Static<typeof TLSCertificate>;

export const ServerTLSSettings = message({
  httpsRedirect: boolean,
  mode: oneOf('PASSTHROUGH', 'SIMPLE', 'MUTUAL', 'AUTO_PASSTHROUGH', 'ISTIO_MUTUAL', 'OPTIONAL_MUTUAL'),
  serverCertificate: string,
  privateKey: string,
  caCertificates: string,
  caCrl: string,
  credentialName: string,
  credentialNames: list(string, { minItems: 1, maxItems: 2 }),
  caCertCredentialName: string,
  tlsCertificates: list(TLSCertificate, { minItems: 1, maxItems: 2 }),
  subjectAltNames: list(string),
  insecureSkipVerify: boolean,
  verifyCertificateSpki: list(string),
  verifyCertificateHash: list(string),
  minProtocolVersion: TLSProtocol,
  maxProtocolVersion: TLSProtocol,
  cipherSuites: list(string),
  ecdhCurves: list(string),
});
export type ServerTLSSettings = Static<typeof ServerTLSSettings>;

/** networking.v1.Port, as servers of a Gateway have it. */
export const Port = message({ number: port, protocol: string, name: string, targetPort: port }, [
  'number',
  'protocol',
  'name',
]);
export type Port = Static<typeof Port>;

export const Server = message(
  { port: Port, bind: string, hosts: list(string), tls: ServerTLSSettings, defaultEndpoint: string, name: string },
  ['port', 'hosts'],
);
export type Server = Static<typeof Server>;

export const GatewaySpec = message({ servers: list(Server), selector: map(string) });
export type GatewaySpec = Static<typeof GatewaySpec>;
