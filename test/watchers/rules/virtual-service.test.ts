import { describe, expect, test } from 'vitest';
import type { Case } from './checking.ts';
import { specVerdict } from './checking.ts';

const destination = { host: 'cart.shop.svc.cluster.local' };
const route = [{ destination }];
const http = (rule: object) => ({ hosts: ['cart'], http: [{ route, ...rule }] });
const match = (condition: object) => http({ match: [condition] });

function run(cases: readonly Case[]): void {
  test.each(cases)('%s', (_title, spec, expected) => {
    expect(specVerdict('VirtualService', spec)).toEqual(expected);
  });
}

describe('hosts', () =>
  run([
    ['short, full, wildcard names and addresses', { hosts: ['cart', 'a.example.com', '*.example.org', '10.1.2.3'], http: [{ route }] }, []],
    ['a wildcard in the middle', { hosts: ['a.*.com'], http: [{ route }] }, ['error invalid-value spec.hosts[0]']],
    ['a number as last label', { hosts: ['a.1'], http: [{ route }] }, ['error invalid-value spec.hosts[0]']],
    ['a label with an underscore', { hosts: ['my_host.com'], http: [{ route }] }, ['error invalid-value spec.hosts[0]']],
    ['an empty name', { hosts: [''], http: [{ route }] }, ['error invalid-value spec.hosts[0]']],
    ['* in the mesh', { hosts: ['*'], http: [{ route }] }, ['error invalid-value spec.hosts[0]']],
    ['* at a gateway', { hosts: ['*'], gateways: ['edge'], http: [{ route }] }, []],
    ['overlapping names', { hosts: ['*.example.com', 'a.example.com'], http: [{ route }] }, ['error duplicate-value spec.hosts[1]']],
    ['no routes at all', { hosts: ['cart'] }, ['error required-field spec']],
    ['a delegate with gateways', { gateways: ['edge'], http: [{ route }] }, ['error conflicting-fields spec.gateways']],
    ['a gateway name with two slashes', { hosts: ['cart'], gateways: ['a/b/c'], http: [{ route }] }, ['error invalid-value spec.gateways[0]']],
    ['the old form of a gateway name', { hosts: ['cart'], gateways: ['edge.infra.svc.cluster.local'], http: [{ route }] }, ['warning deprecated-field spec.gateways[0]']],
    ['exportTo twice', { ...http({}), exportTo: ['.', 'shop'] }, ['error duplicate-value spec.exportTo[1]']],
    ['exportTo * and more', { ...http({}), exportTo: ['*', 'b'] }, ['error conflicting-fields spec.exportTo']],
    ['exportTo nobody', { ...http({}), exportTo: ['~'] }, ['error invalid-value spec.exportTo[0]']],
  ])); // prettier-ignore

describe('actions', () =>
  run([
    ['no action', { hosts: ['cart'], http: [{}] }, ['error required-field spec.http[0]']],
    ['route and redirect', http({ redirect: { uri: '/x' } }), ['error conflicting-fields spec.http[0].route']],
    ['redirect and rewrite', { hosts: ['cart'], http: [{ redirect: { uri: '/x' }, rewrite: { uri: '/' } }] }, ['error conflicting-fields spec.http[0].rewrite']],
    ['an empty redirect', { hosts: ['cart'], http: [{ redirect: {} }] }, ['error required-field spec.http[0].redirect']],
    ['a redirect with status 200', { hosts: ['cart'], http: [{ redirect: { uri: '/x', redirectCode: 200 } }] }, ['error invalid-value spec.http[0].redirect.redirectCode']],
    ['a direct response', { hosts: ['cart'], http: [{ directResponse: { status: 503, body: { string: 'no' } } }] }, []],
    ['a direct response with status 99', { hosts: ['cart'], http: [{ directResponse: { status: 99 } }] }, ['error invalid-value spec.http[0].directResponse.status']],
    ['a body that is too large', { hosts: ['cart'], http: [{ directResponse: { status: 200, body: { string: 'x'.repeat(2 << 20) } } }] }, ['error invalid-value spec.http[0].directResponse.body']],
    ['a delegating rule', { hosts: ['cart'], http: [{ delegate: { name: 'other' } }] }, []],
    ['a delegating rule with a route', http({ delegate: { name: 'other' } }), ['error conflicting-fields spec.http[0].route']],
    ['both forms of rewrite', http({ rewrite: { uri: '/', uriRegexRewrite: { match: 'a', rewrite: 'b' } } }), ['error conflicting-fields spec.http[0].rewrite']],
    ['an empty rewrite', http({ rewrite: {} }), ['error required-field spec.http[0].rewrite']],
    ['mirror and mirrors', http({ mirror: destination, mirrors: [{ destination }] }), ['error conflicting-fields spec.http[0].mirror']],
    ['the old mirrorPercent, too large', http({ mirrorPercent: 101 }), ['error invalid-value spec.http[0].mirrorPercent', 'warning deprecated-field spec.http[0].mirrorPercent']],
  ])); // prettier-ignore

describe('destinations and weights', () =>
  run([
    ['without a host', { hosts: ['cart'], http: [{ route: [{ destination: {} }] }] }, ['error required-field spec.http[0].route[0].destination']],
    ['with an empty host', { hosts: ['cart'], http: [{ route: [{ destination: { host: '' } }] }] }, ['error invalid-value spec.http[0].route[0].destination.host']],
    ['port 0', { hosts: ['cart'], http: [{ route: [{ destination: { host: 'a', port: { number: 0 } } }] }] }, ['error invalid-value spec.http[0].route[0].destination.port.number']],
    ['port 70000', { hosts: ['cart'], http: [{ route: [{ destination: { host: 'a', port: { number: 70000 } } }] }] }, ['error invalid-value spec.http[0].route[0].destination.port.number']],
    ['a negative weight', http({ route: [{ destination, weight: -1 }] }), ['error invalid-value spec.http[0].route[0].weight']],
    ['weights of 0 in sum', http({ route: [{ destination }, { destination }] }), ['error invalid-value spec.http[0].route']],
    ['weights that are not 100 in sum', http({ route: [{ destination, weight: 3 }, { destination, weight: 1 }] }), []],
    ['a weight that is a text', http({ route: [{ destination, weight: '3' }] }), ['error wrong-type spec.http[0].route[0].weight']],
    ['a TCP route without destinations', { hosts: ['cart'], tcp: [{}] }, ['error required-field spec.tcp[0].route']],
    ['a TCP match of no subnet', { hosts: ['cart'], tcp: [{ match: [{ destinationSubnets: ['10.0.0.0/33'] }], route }] }, ['error invalid-value spec.tcp[0].match[0].destinationSubnets[0]']],
    ['an SNI host beyond the hosts', { hosts: ['a.com'], tls: [{ match: [{ sniHosts: ['b.com'] }], route }] }, ['error invalid-value spec.tls[0].match[0].sniHosts[0]']],
    ['an SNI host under a wildcard', { hosts: ['*.a.com'], tls: [{ match: [{ sniHosts: ['b.a.com'] }], route }] }, []],
  ])); // prettier-ignore

describe('matches and headers', () =>
  run([
    ['exact and prefix', match({ uri: { exact: '/a', prefix: '/' } }), ['error conflicting-fields spec.http[0].match[0].uri']],
    ['an empty prefix of a header', match({ headers: { 'x-a': { prefix: '' } } }), ['error invalid-value spec.http[0].match[0].headers.x-a.prefix']],
    ['an unclosed class', match({ uri: { regex: '([' } }), ['error invalid-value spec.http[0].match[0].uri.regex']],
    ['a look-ahead', match({ uri: { regex: 'a(?!b)' } }), ['error invalid-value spec.http[0].match[0].uri.regex']],
    ['any value of an absent header', match({ withoutHeaders: { 'x-a': { regex: '*' } } }), []],
    ['a header name with a space', match({ headers: { 'x a': { exact: '1' } } }), ['error invalid-value spec.http[0].match[0].headers["x a"]']],
    ['a claim in the mesh', match({ headers: { '@request.auth.claims.group': { exact: 'a' } } }), ['error unsupported-value spec.http[0].match[0].headers["@request.auth.claims.group"]']],
    ['a bad source label', match({ sourceLabels: { app: 'a b' } }), ['error invalid-value spec.http[0].match[0].sourceLabels.app']],
    ['setting a pseudo header', http({ headers: { request: { set: { ':path': '/' } } } }), ['error invalid-value spec.http[0].headers.request.set[":path"]']],
    ['setting Host and rewriting it', http({ rewrite: { authority: 'a' }, headers: { request: { set: { Host: 'b' } } } }), ['error conflicting-fields spec.http[0].headers.request']],
    ['removing Host', http({ headers: { request: { remove: ['host'] } } }), ['error invalid-value spec.http[0].headers.request.remove[0]']],
    ['a lone %', http({ headers: { response: { add: { 'x-a': '50%' } } } }), ['error invalid-value spec.http[0].headers.response.add.x-a']],
    ['a command and a doubled %', http({ headers: { response: { add: { 'x-a': '%REQ(x-b?y):12% 100%%' } } } }), []],
  ])); // prettier-ignore

describe('timeouts, retries, faults and CORS', () =>
  run([
    ['a timeout of 0', http({ timeout: '0s' }), ['error invalid-value spec.http[0].timeout']],
    ['a timeout without a unit', http({ timeout: '10' }), ['error invalid-value spec.http[0].timeout']],
    ['a timeout finer than a millisecond', http({ timeout: '1.5ms' }), ['error invalid-value spec.http[0].timeout']],
    ['a composed timeout', http({ timeout: '1h30m0.5s' }), []],
    ['retries of 0 with conditions', http({ retries: { attempts: 0, retryOn: '5xx' } }), ['error conflicting-fields spec.http[0].retries']],
    ['an unknown retry condition', http({ retries: { attempts: 1, retryOn: '5xx,sometimes' } }), ['error invalid-value spec.http[0].retries.retryOn']],
    ['statuses to retry on', http({ retries: { attempts: 1, retryOn: '503,reset' } }), []],
    ['a fault without effect', http({ fault: {} }), ['error required-field spec.http[0].fault']],
    ['more than 100 percent', http({ fault: { abort: { httpStatus: 500, percentage: { value: 101 } } } }), ['error invalid-value spec.http[0].fault.abort.percentage.value']],
    ['an unknown gRPC status', http({ fault: { abort: { grpcStatus: 'SAD' } } }), ['error invalid-value spec.http[0].fault.abort.grpcStatus']],
    ['an exponential delay', http({ fault: { delay: { exponentialDelay: '1s' } } }), ['error unsupported-value spec.http[0].fault.delay.exponentialDelay']],
    ['an origin of nothing', http({ corsPolicy: { allowOrigins: [{}] } }), ['error invalid-value spec.http[0].corsPolicy.allowOrigins[0]']],
    ['an unknown method', http({ corsPolicy: { allowMethods: ['FETCH'] } }), ['error invalid-value spec.http[0].corsPolicy.allowMethods[0]']],
    ['half a second of age', http({ corsPolicy: { maxAge: '1500ms' } }), ['error invalid-value spec.http[0].corsPolicy.maxAge']],
  ])); // prettier-ignore

describe('unreachable rules are warnings', () => {
  const rules = (...items: object[]) => ({ hosts: ['cart'], http: items.map((item) => ({ route, ...item })) });
  const prefix = (value: string, more: object = {}) => ({ match: [{ uri: { prefix: value }, ...more }] });
  run([
    ['after one without a match', rules({}, prefix('/a')), ['warning unreachable-rule spec.http[1]']],
    ['the same match twice, in another order', rules({ match: [{ port: 80, uri: { prefix: '/a' } }] }, { match: [{ name: 'x', uri: { prefix: '/a' }, port: 80 }] }), ['warning unreachable-rule spec.http[1].match[0]']],
    ['a longer prefix after a shorter', rules(prefix('/a'), prefix('/a/b')), ['warning unreachable-rule spec.http[1].match[0]']],
    ['a shorter prefix after a longer', rules(prefix('/a/b'), prefix('/a')), []],
    ['a shorter prefix under a condition', rules(prefix('/a', { headers: { h: { exact: '1' } } }), prefix('/a/b')), []],
    ['a shorter prefix for other callers', rules(prefix('/a', { sourceLabels: { app: 'x' } }), prefix('/a/b')), []],
  ]); // prettier-ignore
});
