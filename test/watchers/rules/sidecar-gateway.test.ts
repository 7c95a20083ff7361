import { describe, expect, test } from 'vitest';
import type { Kind } from '../../../src/model/schema/index.ts';
import type { Case } from './checking.ts';
import { specVerdict, verdict, objectOf } from './checking.ts';

function run(kind: Kind, cases: readonly Case[]): void {
  test.each(cases)('%s', (_title, spec, expected) => {
    expect(specVerdict(kind, spec)).toEqual(expected);
  });
}

const egress = (...hosts: string[]) => ({ egress: [{ hosts }] });
const port = { number: 9000, protocol: 'HTTP', name: 'http' };

describe('Sidecar', () =>
  run('Sidecar', [
    ['nothing', {}, ['error required-field spec']],
    ['all forms of hosts', egress('./*', 'other/a.example.com', '*/*.example.org', '~secret/*'), []],
    ['a host without a namespace', egress('a.example.com'), ['error invalid-value spec.egress[0].hosts[0]']],
    ['a short name', egress('./cart'), ['error invalid-value spec.egress[0].hosts[0]']],
    ['a wildcard within a label', egress('./*cart.example.com'), ['error invalid-value spec.egress[0].hosts[0]']],
    ['a namespace that is none', egress('a.b/*'), ['error invalid-value spec.egress[0].hosts[0]']],
    ['an empty list of hosts', { egress: [{ hosts: [] }] }, ['error required-field spec.egress[0].hosts']],
    ['the same host twice', egress('./a.com', 'shop/a.com'), ['warning doubtful-value spec.egress[0].hosts[1]']],
    ['everything and more', egress('*/*', 'a/b.com'), ['warning doubtful-value spec.egress[0].hosts']],
    ['two egress listeners on a port', { egress: [{ port, hosts: ['./*'] }, { port, hosts: ['./*'] }] }, ['error duplicate-value spec.egress[1]']],
    ['the rest before the others', { egress: [{ hosts: ['./*'] }, { port, hosts: ['./*'] }] }, ['error invalid-value spec.egress[0]']],
    ['no port number and no socket', { egress: [{ port: { protocol: 'HTTP' }, bind: '10.0.0.1', hosts: ['./*'] }] }, ['error invalid-value spec.egress[0].bind']],
    ['capture for a socket', { egress: [{ port: { protocol: 'HTTP' }, bind: 'unix:///a', captureMode: 'IPTABLES', hosts: ['./*'] }] }, ['error conflicting-fields spec.egress[0].captureMode']],
    ['an ingress listener without a number', { ingress: [{ port: { protocol: 'HTTP' } }] }, ['error invalid-value spec.ingress[0].port.number']],
    ['a default endpoint elsewhere', { ingress: [{ port, defaultEndpoint: '10.0.0.1:80' }] }, ['error invalid-value spec.ingress[0].defaultEndpoint']],
    ['a default endpoint on ::1', { ingress: [{ port, defaultEndpoint: '[::1]:80' }] }, []],
    ['TLS on a plain port', { ingress: [{ port, tls: { mode: 'SIMPLE', serverCertificate: 'a', privateKey: 'b' } }] }, ['error conflicting-fields spec.ingress[0].tls']],
    ['HTTP pools of a TCP port', { ingress: [{ port: { ...port, protocol: 'TCP' }, connectionPool: { http: { maxRetries: 1 } } }] }, ['warning doubtful-value spec.ingress[0].connectionPool.http']],
    ['an egress proxy for registered hosts only', { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY', egressProxy: { host: 'a.com', port: { number: 1 } } } }, ['error conflicting-fields spec.outboundTrafficPolicy.egressProxy']],
    ['an egress proxy of no port', { outboundTrafficPolicy: { mode: 'ALLOW_ANY', egressProxy: { host: 'a.com' } } }, ['error required-field spec.outboundTrafficPolicy.egressProxy.port']],
  ])); // prettier-ignore

const server = (more: object, protocol = 'HTTP') => ({
  servers: [{ port: { number: 80, protocol, name: 'main' }, hosts: ['*'], ...more }],
});
const https = (tls: object) => server({ tls }, 'HTTPS');

describe('Gateway', () => {
  run('Gateway', [
    ['a plain server', server({}), []],
    ['no servers', { selector: { app: 'edge' } }, ['error required-field spec.servers']],
    ['a server of no host', server({ hosts: [] }), ['error required-field spec.servers[0].hosts']],
    ['a short name', server({ hosts: ['cart'] }), ['error invalid-value spec.servers[0].hosts[0]']],
    ['names with namespaces, and addresses', server({ hosts: ['./a.com', '*/b.com', 'ns/c.com', '10.0.0.1', '2001:db8::1'] }), []],
    ['a namespace that is none', server({ hosts: ['A!/b.com'] }), ['error invalid-value spec.servers[0].hosts[0]']],
    ['two ports of one name', { servers: [...server({}).servers, ...server({}).servers] }, ['error duplicate-value spec.servers[1].port.name']],
    ['an unknown protocol', server({}, 'QUIC'), ['error invalid-value spec.servers[0].port.protocol']],
    ['a bind that is no address', server({ bind: 'here' }), ['error invalid-value spec.servers[0].bind']],
    ['port 0', { servers: [{ port: { number: 0, protocol: 'HTTP', name: 'a' }, hosts: ['*'] }] }, ['error invalid-value spec.servers[0].port.number']],
    ['a socket', { servers: [{ port: { number: 0, protocol: 'HTTP', name: 'a' }, bind: 'unix:///a', hosts: ['*'] }] }, []],
    ['HTTPS without TLS', server({}, 'HTTPS'), ['error required-field spec.servers[0].tls']],
    ['HTTP with a redirect', server({ tls: { httpsRedirect: true } }), []],
    ['HTTP with a certificate', server({ tls: { mode: 'SIMPLE', credentialName: 'c' } }), ['error conflicting-fields spec.servers[0].tls']],
    ['TCP with TLS', server({ tls: {} }, 'TCP'), ['error conflicting-fields spec.servers[0].tls']],
    ['SIMPLE without certificates', https({ mode: 'SIMPLE' }), ['error required-field spec.servers[0].tls.serverCertificate', 'error required-field spec.servers[0].tls.privateKey']],
    ['MUTUAL by files, without a CA', https({ mode: 'MUTUAL', serverCertificate: 'a', privateKey: 'b' }), ['error required-field spec.servers[0].tls.caCertificates']],
    ['a credential and files', https({ mode: 'SIMPLE', credentialName: 'c', serverCertificate: 'a', privateKey: 'b' }), ['error conflicting-fields spec.servers[0].tls']],
    ["ISTIO_MUTUAL with one's own key", https({ mode: 'ISTIO_MUTUAL', privateKey: 'b' }), ['error conflicting-fields spec.servers[0].tls.privateKey']],
    ['PASSTHROUGH with a credential', https({ mode: 'PASSTHROUGH', credentialName: 'c' }), ['warning doubtful-value spec.servers[0].tls']],
    ['an unknown cipher', https({ mode: 'SIMPLE', credentialName: 'c', cipherSuites: ['ROT13'] }), ['warning doubtful-value spec.servers[0].tls.cipherSuites[0]']],
    ['an old version without ciphers', https({ mode: 'SIMPLE', credentialName: 'c', minProtocolVersion: 'TLSV1_0' }), ['warning doubtful-value spec.servers[0].tls.minProtocolVersion']],
  ]); // prettier-ignore

  test('a name with a dot', () => {
    expect(verdict(objectOf('Gateway', server({}), { name: 'a.b' }))).toEqual(['error invalid-value metadata.name']);
  });
});
