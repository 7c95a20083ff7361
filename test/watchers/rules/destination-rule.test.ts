import { describe, expect, test } from 'vitest';
import type { Case } from './checking.ts';
import { specVerdict } from './checking.ts';

const policy = (trafficPolicy: object) => ({ host: 'cart', trafficPolicy });
const balancer = (loadBalancer: object) => policy({ loadBalancer, outlierDetection: {} });
const tls = (settings: object) => policy({ tls: settings });

function run(cases: readonly Case[]): void {
  test.each(cases)('%s', (_title, spec, expected) => {
    expect(specVerdict('DestinationRule', spec)).toEqual(expected);
  });
}

describe('subsets and hosts', () =>
  run([
    ['no host', {}, ['error required-field spec']],
    ['a bad host', { host: 'a_b' }, ['error invalid-value spec.host']],
    ['two subsets of one name', { host: 'cart', subsets: [{ name: 'v1' }, { name: 'v1' }] }, ['error duplicate-value spec.subsets[1].name']],
    ['a subset name with a dot', { host: 'cart', subsets: [{ name: 'v1.0' }] }, ['error invalid-value spec.subsets[0].name']],
    ['a bad label of a subset', { host: 'cart', subsets: [{ name: 'v1', labels: { '-a': 'b' } }] }, ['error invalid-value spec.subsets[0].labels["-a"]']],
    ['a selector and exportTo others', { host: 'cart', workloadSelector: { matchLabels: { app: 'a' } }, exportTo: ['other'] }, ['error conflicting-fields spec.exportTo']],
    ['a selector and exportTo itself', { host: 'cart', workloadSelector: { matchLabels: { app: 'a' } }, exportTo: ['.'] }, []],
    ['a wildcard in the selector', { host: 'cart', workloadSelector: { matchLabels: { app: '*' } } }, ['error invalid-value spec.workloadSelector.matchLabels.app']],
    ['an empty selector', { host: 'cart', workloadSelector: {} }, ['warning doubtful-value spec.workloadSelector.matchLabels']],
  ])); // prettier-ignore

describe('traffic policies', () =>
  run([
    ['an empty policy', policy({}), ['error required-field spec.trafficPolicy']],
    ['an unknown field', policy({ loadbalancer: {} }), ['error unknown-field spec.trafficPolicy.loadbalancer']],
    ['settings of no port', policy({ portLevelSettings: [{ tls: { mode: 'DISABLE' } }] }), ['error required-field spec.trafficPolicy.portLevelSettings[0].port']],
    ['a port without settings', policy({ portLevelSettings: [{ port: { number: 80 } }] }), ['error required-field spec.trafficPolicy.portLevelSettings[0]']],
    ['an empty connection pool', policy({ connectionPool: {} }), ['error required-field spec.trafficPolicy.connectionPool']],
    ['a negative count', policy({ connectionPool: { http: { maxRetries: -1 } } }), ['error invalid-value spec.trafficPolicy.connectionPool.http.maxRetries']],
    ['an idle TCP connection for ever', policy({ connectionPool: { tcp: { idleTimeout: '0s' } } }), []],
    ['a keep-alive without a timeout', policy({ connectionPool: { http: { http2KeepAlive: { interval: '1s' } } } }), ['error required-field spec.trafficPolicy.connectionPool.http.http2KeepAlive.timeout']],
    ['upgrading and keeping the protocol', policy({ connectionPool: { http: { h2UpgradePolicy: 'UPGRADE', useClientProtocol: true } } }), ['error conflicting-fields spec.trafficPolicy.connectionPool.http.useClientProtocol']],
    ['101 percent of ejections', policy({ outlierDetection: { maxEjectionPercent: 101 } }), ['error invalid-value spec.trafficPolicy.outlierDetection.maxEjectionPercent']],
    ['local failures without the split', policy({ outlierDetection: { consecutiveLocalOriginFailures: 3 } }), ['error conflicting-fields spec.trafficPolicy.outlierDetection.consecutiveLocalOriginFailures']],
    ['the old consecutiveErrors', policy({ outlierDetection: { consecutiveErrors: 3 } }), ['warning deprecated-field spec.trafficPolicy.outlierDetection.consecutiveErrors']],
    ['a tunnel by GET', policy({ tunnel: { protocol: 'GET', targetHost: 'a.com', targetPort: 80 } }), ['error invalid-value spec.trafficPolicy.tunnel.protocol']],
  ])); // prettier-ignore

describe('load balancers', () =>
  run([
    ['two hash keys', balancer({ consistentHash: { httpHeaderName: 'a', useSourceIp: true } }), ['error conflicting-fields spec.trafficPolicy.loadBalancer.consistentHash']],
    ['two algorithms', balancer({ simple: 'RANDOM', consistentHash: { httpHeaderName: 'a' } }), ['error conflicting-fields spec.trafficPolicy.loadBalancer']],
    ['a table that is no prime', balancer({ consistentHash: { httpHeaderName: 'a', maglev: { tableSize: 65536 } } }), ['error invalid-value spec.trafficPolicy.loadBalancer.consistentHash.maglev.tableSize']],
    ['a prime table', balancer({ consistentHash: { httpHeaderName: 'a', maglev: { tableSize: 65537 } } }), []],
    ['a cookie of no name', balancer({ consistentHash: { httpCookie: { name: '', ttl: '0s' } } }), ['error required-field spec.trafficPolicy.loadBalancer.consistentHash.httpCookie.name']],
    ['shares of 90 percent', balancer({ localityLbSetting: { distribute: [{ from: 'a/*', to: { 'b/*': 90 } }] } }), ['error invalid-value spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to']],
    ['shares that overlap', balancer({ localityLbSetting: { distribute: [{ from: 'a', to: { 'b/*': 50, 'b/c': 50 } }] } }), ['error duplicate-value spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to']],
    ['fail over to itself', balancer({ localityLbSetting: { failover: [{ from: 'a', to: 'a' }] } }), ['error invalid-value spec.trafficPolicy.loadBalancer.localityLbSetting.failover[0]']],
    ['distribute and failover', balancer({ localityLbSetting: { distribute: [{ from: 'a', to: { b: 100 } }], failover: [{ from: 'a', to: 'b' }] } }), ['error conflicting-fields spec.trafficPolicy.loadBalancer.localityLbSetting.failover']],
    ['failover without outlier detection', policy({ loadBalancer: { localityLbSetting: { failover: [{ from: 'a', to: 'b' }] } } }), ['warning doubtful-value spec.trafficPolicy.loadBalancer.localityLbSetting']],
    ['an unknown algorithm', balancer({ simple: 'ROUND_ROBBIN' }), ['error unsupported-value spec.trafficPolicy.loadBalancer.simple']],
  ])); // prettier-ignore

describe('client TLS', () =>
  run([
    ['MUTUAL without certificates', tls({ mode: 'MUTUAL' }), ['error required-field spec.trafficPolicy.tls.clientCertificate', 'error required-field spec.trafficPolicy.tls.privateKey']],
    ['MUTUAL by a credential', tls({ mode: 'MUTUAL', credentialName: 'c' }), []],
    ['a credential and files', tls({ mode: 'SIMPLE', credentialName: 'c', caCertificates: '/ca' }), ['error conflicting-fields spec.trafficPolicy.tls.caCertificates']],
    ['not verifying with a CA', tls({ mode: 'SIMPLE', insecureSkipVerify: true, caCertificates: '/ca' }), ['error conflicting-fields spec.trafficPolicy.tls.caCertificates']],
  ])); // prettier-ignore
