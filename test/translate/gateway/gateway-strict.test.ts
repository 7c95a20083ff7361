// Requests on connections that were meant for another server of the port, and certificates that cannot be served.
import { describe, expect, it } from 'vitest';

import type { Asking, Message } from '../../support/objects/translated.ts';
import { conflictsOf, translated } from '../../support/objects/translated.ts';

const gate: Asking = {
  type: 'router',
  name: 'gate-1',
  namespace: 'edge',
  address: '10.2.0.9',
  metadata: { LABELS: { app: 'gate' } },
};
const strict: Asking = { ...gate, features: { strictGateways: true } };

const gateway = (servers: readonly string[]): string => `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: edge}
spec: {selector: {app: gate}, servers: [${servers.join(', ')}]}
`;

const server = (name: string, host: string, tls = '{mode: SIMPLE, credentialName: shop}'): string =>
  `{port: {number: 443, name: ${name}, protocol: HTTPS}, hosts: ["${host}"], tls: ${tls}}`;

const routed = (name: string, host: string): string => `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: edge}
spec: {hosts: ["${host}"], gateways: [front], http: [{directResponse: {status: 200}}]}
`;

/** Each domain of a server's route configuration with what answers there. */
const answers = (yaml: string, name: string, asking: Asking): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    translated(yaml, 'route', asking)
      .get(`https.443.${name}.front.edge`)
      .virtual_hosts.flatMap(({ domains, routes = [] }: Message) =>
        domains.map((domain: string) => [domain, routes[0]?.direct_response?.status ?? 404]),
      ),
  );

describe('a request over the connection of another server', () => {
  const yaml =
    gateway([server('wide', '*.shop.example'), server('one', 'pay.shop.example'), server('other', '*.example')]) +
    routed('any', 'news.shop.example') +
    routed('pay', 'pay.shop.example');

  it('is misdirected where the other server has its host, however it is routed here', () => {
    expect(answers(yaml, 'wide', strict)).toEqual({
      'news.shop.example': 200,
      'pay.shop.example': 421,
      // What is the server's own and not routed is no reason to try elsewhere.
      '*.shop.example': 404,
      '*.example': 421,
    });
    expect(answers(yaml, 'one', strict)).toEqual({
      'pay.shop.example': 200,
      '*.shop.example': 421,
      '*.example': 421,
    });
  });

  it('is answered as by Istio unless asked otherwise', () => {
    expect(answers(yaml, 'wide', gate)).toEqual({ 'news.shop.example': 200, 'pay.shop.example': 200 });
  });

  it('is nothing special where a port has one server', () => {
    const alone = gateway([server('wide', '*.shop.example')]) + routed('any', 'news.shop.example');
    expect(answers(alone, 'wide', strict)).toEqual(answers(alone, 'wide', gate));
  });
});

describe('certificates that cannot be served', () => {
  const secret = (name: string, data: string, namespace = 'edge'): string =>
    `---\napiVersion: v1\nkind: Secret\nmetadata: {name: ${name}, namespace: ${namespace}}\nstringData: ${data}\n`;
  const problem = (field: string): string => `unusable-credential Gateway edge/front spec.servers[0].tls.${field}`;

  it.each([
    ['a Secret that is not there', '{mode: SIMPLE, credentialName: shop}', '', 'credentialName'],
    [
      'one in another namespace',
      '{mode: SIMPLE, credentialName: shop}',
      secret('shop', '{}', 'shop'),
      'credentialName',
    ],
    ['one without a key', '{mode: SIMPLE, credentialName: shop}', secret('shop', '{}'), 'credentialName'],
    ['one of several', '{mode: SIMPLE, credentialNames: [shop]}', '', 'credentialNames[0]'],
    ['a name in another namespace', '{mode: SIMPLE, credentialName: kubernetes://far/shop}', '', 'credentialName'],
  ])('%s', (_, tls, more, field) => {
    expect(conflictsOf(gateway([server('one', 'a.example', tls)]) + more, gate)).toEqual([problem(field)]);
  });

  it('authorities have to be somewhere, under a name that says so', () => {
    const mutual = (more: string) =>
      conflictsOf(gateway([server('one', 'a.example', `{mode: MUTUAL, ${more}}`)]), gate);
    expect(mutual('credentialName: shop')).toEqual([problem('credentialName'), problem('credentialName')]);
    expect(mutual('credentialName: shop, caCertCredentialName: roots')).toEqual([
      problem('credentialName'),
      problem('caCertCredentialName'),
    ]);
  });

  it('nothing is said of certificates that are not in Secrets', () => {
    for (const tls of ['{mode: ISTIO_MUTUAL}', '{mode: PASSTHROUGH}', '{mode: SIMPLE, credentialName: "sds://mine"}'])
      expect(conflictsOf(gateway([server('one', 'a.example', tls)]), gate)).toEqual([]);
  });
});
