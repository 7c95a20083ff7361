// YAML of gateways for tests with real Envoys: certificates that are their own authority, the Secrets that have them, Pods and
// Services, Istio's Gateways on addresses of their own, and routes.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { inScratch, openssl } from './openssl.ts';

export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** Signed by itself, so that whoever trusts it knows it when he sees it. */
export const selfSigned = (host: string, serial = 1): KeyPair =>
  inScratch((directory) => {
    const subject = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`, '-set_serial', String(serial)];
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key.pem'];
    openssl(directory, 'req', '-x509', ...key, ...subject, '-days', '2', '-out', 'cert.pem');
    const read = (file: string): string => readFileSync(join(directory, file), 'utf8');
    return { certificate: read('cert.pem'), key: read('key.pem') };
  });

/** Nobody else's by all likelihood: files of tests run at the same time. */
export const loopbackNet = (): string =>
  `127.${20 + Math.floor(Math.random() * 200)}.${1 + Math.floor(Math.random() * 250)}`;

const object = (kind: string, namespace: string, name: string, rest: string, more = ''): string => {
  const api = { Secret: 'v1', ConfigMap: 'v1', Pod: 'v1', Service: 'v1' }[kind] ?? 'networking.istio.io/v1';
  return `---\napiVersion: ${api}\nkind: ${kind}\nmetadata: {name: ${name}, namespace: ${namespace}${more}}\n${rest}\n`;
};
const texts = (data: Readonly<Record<string, string>>): string =>
  `{${Object.entries(data)
    .map(([key, text]) => `${key}: ${JSON.stringify(text)}`)
    .join(', ')}}`;

/** In the namespace of the gateways. */
export const secret = (name: string, data: Readonly<Record<string, string>>): string =>
  object('Secret', 'edge', name, `stringData: ${texts(data)}`);
export const configMap = (name: string, namespace: string, data: Readonly<Record<string, string>>): string =>
  object('ConfigMap', namespace, name, `data: ${texts(data)}`);
export const pair = ({ certificate, key }: KeyPair) => ({ 'tls.crt': certificate, 'tls.key': key });

/** The Pod `NAME-1`. */
export const pod = (name: string, namespace: string, ip: string, annotations = '{}', app = name): string =>
  object('Pod', namespace, `${name}-1`, `spec: {serviceAccountName: ${app}, containers: [{name: app, image: example/app}]}\nstatus: {podIP: ${ip}, conditions: [{type: Ready, status: 'True'}]}`, `, labels: {app: ${app}}, annotations: ${annotations}`); // prettier-ignore

/** Of a gateway's Pod. */
export const gatewayTemplate = '{inject.istio.io/templates: gateway}';

export const service = (name: string, ports: string, namespace = 'shop'): string =>
  object('Service', namespace, name, `spec: {selector: {app: ${name}}, ports: [${ports}]}`);

/** For routers labelled `app: APP`. */
export const gateway = (name: string, app: string, servers: readonly string[]): string =>
  object('Gateway', 'edge', name, `spec: {selector: {app: ${app}}, servers: [${servers.join(', ')}]}`);

/** `settings` are those of its TLS. */
export const server = (
  bind: string,
  name: string,
  protocol: string,
  port: number,
  host: string,
  settings = '',
): string =>
  `{bind: ${bind}, port: {name: ${name}, number: ${port}, protocol: ${protocol}}, hosts: [${host}]${settings === '' ? '' : `, tls: {${settings}}`}}`;

export const routes = (name: string, hosts: readonly string[], gateways: string, rest: string): string =>
  object('VirtualService', 'shop', name, `spec: {hosts: [${hosts.join(', ')}], gateways: [${gateways}], ${rest}}`);
