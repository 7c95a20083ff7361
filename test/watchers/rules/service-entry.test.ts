import { describe, expect, test } from 'vitest';
import type { Kind } from '../../../src/model/schema/index.ts';
import type { Case } from './checking.ts';
import { specVerdict } from './checking.ts';

const ports = [{ number: 443, name: 'https', protocol: 'HTTPS' }];
const entry = (spec: object) => ({ hosts: ['api.example.com'], ports, resolution: 'STATIC', ...spec });

function run(kind: Kind, cases: readonly Case[]): void {
  test.each(cases)('%s', (_title, spec, expected) => {
    expect(specVerdict(kind, spec)).toEqual(expected);
  });
}

describe('ServiceEntry', () =>
  run('ServiceEntry', [
    ['no hosts', { ports }, ['error required-field spec']],
    ['an empty list of hosts', entry({ hosts: [] }), ['error invalid-value spec.hosts']],
    ['the host *', entry({ hosts: ['*'] }), ['error invalid-value spec.hosts[0]']],
    ['half a label as a wildcard', entry({ hosts: ['*api.example.com'] }), ['warning doubtful-value spec.hosts[0]']],
    ['endpoints and a selector', entry({ endpoints: [{ address: '1.1.1.1' }], workloadSelector: { labels: { a: 'b' } } }), ['error conflicting-fields spec']],
    ['two ports of one name', entry({ ports: [...ports, { number: 80, name: 'https' }] }), ['error duplicate-value spec.ports[1].name']],
    ['two ports of one number', entry({ ports: [...ports, { number: 443, name: 'b' }] }), ['error duplicate-value spec.ports[1].number']],
    ['port 0', entry({ ports: [{ number: 0, name: 'a' }] }), ['error invalid-value spec.ports[0].number']],
    ['an unknown protocol', entry({ ports: [{ number: 1, name: 'a', protocol: 'SPDY' }] }), ['error invalid-value spec.ports[0].protocol']],
    ['an address that is none', entry({ addresses: ['10.0.0'] }), ['error invalid-value spec.addresses[0]']],
    ['a block of addresses and DNS', entry({ resolution: 'DNS', addresses: ['10.0.0.0/8'] }), ['error conflicting-fields spec.addresses[0]']],
    ['exported to nobody', entry({ exportTo: ['~'] }), []],
    ['exported to nobody and somebody', entry({ exportTo: ['~', 'a'] }), ['error conflicting-fields spec.exportTo']],
    ['NONE with endpoints', entry({ resolution: 'NONE', endpoints: [{ address: '1.1.1.1' }] }), ['error conflicting-fields spec.endpoints']],
    ['STATIC with a name', entry({ endpoints: [{ address: 'a.example.com' }] }), ['error invalid-value spec.endpoints[0].address']],
    ['STATIC with a socket', entry({ endpoints: [{ address: 'unix:///run/a.sock' }] }), []],
    ['a socket and ports', entry({ endpoints: [{ address: 'unix:///run/a.sock', ports: { https: 1 } }] }), ['error conflicting-fields spec.endpoints[0].ports']],
    ['a socket that is a folder', entry({ endpoints: [{ address: 'unix:///run/' }] }), ['error invalid-value spec.endpoints[0].address']],
    ['an endpoint of an unknown port', entry({ endpoints: [{ address: '1.1.1.1', ports: { http: 80 } }] }), ['error invalid-value spec.endpoints[0].ports.http']],
    ['an endpoint of nowhere', entry({ endpoints: [{}] }), ['error required-field spec.endpoints[0].address']],
    ['DNS of a wildcard', entry({ resolution: 'DNS', hosts: ['*.example.com'] }), ['error invalid-value spec.hosts[0]']],
    ['DNS of a wildcard by an endpoint', entry({ resolution: 'DNS', hosts: ['*.example.com'], endpoints: [{ address: 'a.example.com' }] }), []],
    ['one answer of two endpoints', entry({ resolution: 'DNS_ROUND_ROBIN', endpoints: [{ address: 'a.com' }, { address: 'b.com' }] }), ['error invalid-value spec.endpoints']],
    ['DYNAMIC_DNS of one host', entry({ resolution: 'DYNAMIC_DNS', ports: [{ number: 80, name: 'a', protocol: 'HTTP' }] }), ['error invalid-value spec.hosts[0]']],
    ['several hosts behind TCP', entry({ hosts: ['a.com', 'b.com'], ports: [{ number: 1, name: 'a', protocol: 'TCP' }] }), ['error conflicting-fields spec.ports[0].protocol']],
    ['several hosts behind TLS', entry({ hosts: ['a.com', 'b.com'] }), []],
  ])); // prettier-ignore

describe('WorkloadEntry', () =>
  run('WorkloadEntry', [
    ['an address', { address: '10.0.0.1', labels: { app: 'vm' } }, []],
    ['a name', { address: 'vm.example.com' }, []],
    ['nothing', {}, ['error required-field spec.address']],
    ['a network alone', { network: 'east' }, ['warning doubtful-value spec.address']],
    ['a port by a bad name', { address: '10.0.0.1', ports: { 'a.b': 80 } }, ['error invalid-value spec.ports["a.b"]']],
  ]));

describe('WorkloadGroup', () =>
  run('WorkloadGroup', [
    ['a template', { template: { ports: { http: 80 } } }, ['warning unsupported-field spec.template']],
    ['no template', {}, ['error required-field spec']],
    ['a probe of no kind', { template: {}, probe: { periodSeconds: 1 } }, ['error required-field spec.probe']],
    ['a probe of two kinds', { template: {}, probe: { tcpSocket: { port: 1 }, httpGet: { port: 1 } } }, ['error conflicting-fields spec.probe']],
    ['a probe by an unknown scheme', { template: {}, probe: { httpGet: { port: 1, scheme: 'ftp' } } }, ['error unsupported-value spec.probe.httpGet.scheme']],
  ])); // prettier-ignore
