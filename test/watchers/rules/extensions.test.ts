import { describe, expect, test } from 'vitest';
import type { Kind } from '../../../src/model/schema/index.ts';
import type { Case } from './checking.ts';
import { findMessage } from '../../../src/xds/codec/descriptors.ts';
import { specVerdict } from './checking.ts';

function run(kind: Kind, cases: readonly Case[]): void {
  test.each(cases)('%s', (_title, spec, expected) => {
    expect(specVerdict(kind, spec)).toEqual(expected);
  });
}

const patch = { operation: 'MERGE', value: { name: 'x' } };
const patches = (config: object) => ({ configPatches: [{ applyTo: 'CLUSTER', patch, ...config }] });
const filter = (name: string, subFilter?: object, applyTo = 'HTTP_FILTER') =>
  patches({ applyTo, match: { listener: { filterChain: { filter: { name, ...(subFilter && { subFilter }) } } } } });
const manager = 'envoy.filters.network.http_connection_manager';

describe('EnvoyFilter', () => {
  run('EnvoyFilter', [
    ['a patch of clusters', patches({ match: { cluster: { service: 'a' } } }), []],
    ['a patch of nothing', patches({ applyTo: undefined }), ['error required-field spec.configPatches[0].applyTo']],
    ['no patch', patches({ patch: undefined }), ['error required-field spec.configPatches[0].patch']],
    ['no operation', patches({ patch: { value: {} } }), ['error required-field spec.configPatches[0].patch.operation']],
    ['a merge of nothing', patches({ patch: { operation: 'MERGE' } }), ['error required-field spec.configPatches[0].patch.value']],
    ['a removal', patches({ patch: { operation: 'REMOVE' } }), []],
    ['clusters found by listener', patches({ match: { listener: {} } }), ['error conflicting-fields spec.configPatches[0].match.listener']],
    ['two matches', patches({ match: { cluster: {}, listener: {} } }), ['error conflicting-fields spec.configPatches[0].match', 'error conflicting-fields spec.configPatches[0].match.listener']],
    ['a version that is no pattern', patches({ match: { proxy: { proxyVersion: '(' } } }), ['error invalid-value spec.configPatches[0].match.proxy.proxyVersion']],
    ['a version of 2,000 characters', patches({ match: { proxy: { proxyVersion: '1'.repeat(2000) } } }), ['warning doubtful-value spec.configPatches[0].match.proxy.proxyVersion']],
    ['a filter in a filter', filter(manager, { name: 'envoy.filters.http.router' }), []],
    ['a filter in a TCP filter', filter('envoy.filters.network.tcp_proxy', { name: 'a' }), ['error conflicting-fields spec.configPatches[0].match.listener.filterChain.filter.subFilter']],
    ['a filter in a network filter patch', filter(manager, { name: 'a' }, 'NETWORK_FILTER'), ['error conflicting-fields spec.configPatches[0].match.listener.filterChain.filter.subFilter']],
    ['an old name', filter('envoy.http_connection_manager'), ['warning deprecated-field spec.configPatches[0].match.listener.filterChain.filter.name']],
    ['a Service', { ...patches({}), targetRefs: [{ kind: 'Service', name: 'a' }] }, ['warning doubtful-value spec.targetRefs[0]']],
    ['a class of filters', patches({ patch: { operation: 'MERGE', value: {}, filterClass: 'AUTHZ' } }), ['warning doubtful-value spec.configPatches[0].patch.filterClass']],
    ['waypoints by context', patches({ match: { context: 'WAYPOINT', waypoint: {} } }), ['warning doubtful-value spec.configPatches[0].match.context']],
    ['a selector and targets', { workloadSelector: { labels: { a: 'b' } }, targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'a' }] }, ['error conflicting-fields spec']],
  ]); // prettier-ignore

  const verdict = (value: object, applyTo = 'CLUSTER') =>
    specVerdict(
      'EnvoyFilter',
      patches({ applyTo, patch: { operation: 'MERGE', value } }),
      {},
      { context: { findMessage } },
    );

  test('a message that Envoy does not have', () => {
    const value = { typed_config: { '@type': 'type.googleapis.com/envoy.no.Such' } };
    expect(verdict(value, 'NETWORK_FILTER')).toEqual([
      'error invalid-value spec.configPatches[0].patch.value.typed_config["@type"]',
    ]);
    expect(
      specVerdict('EnvoyFilter', patches({ applyTo: 'NETWORK_FILTER', patch: { operation: 'MERGE', value } })),
    ).toEqual([]);
  });

  test('a field that Envoy does not have is left out', () =>
    expect(verdict({ connectTimeout: '5s', no_such: 1 })).toEqual([
      'warning doubtful-value spec.configPatches[0].patch.value.no_such',
    ]));

  test.each([
    [{ connect_timeout: 'soon' }, 'connect_timeout'],
    [{ lb_policy: 'BEST' }, 'lb_policy'],
    [{ circuit_breakers: { thresholds: {} } }, 'circuit_breakers.thresholds'],
    [{ type: 'EDS', clusterType: { name: 'x' } }, 'clusterType'],
    [{ name: 5 }, 'name'],
    [{ per_connection_buffer_limit_bytes: -1 }, 'per_connection_buffer_limit_bytes'],
  ])('a value that does not fit: %j', (value, path) =>
    expect(verdict(value)).toEqual([`error invalid-value spec.configPatches[0].patch.value.${path}`]),
  );

  test('a pattern that a proxy cannot compile', () =>
    expect(verdict({ match: { safe_regex: { regex: '(?=a)' } } }, 'HTTP_ROUTE')).toEqual([
      'error invalid-value spec.configPatches[0].patch.value.match.safe_regex.regex',
    ]));
});

describe('Telemetry', () =>
  run('Telemetry', [
    ['two tracings', { tracing: [{}, {}] }, ['warning doubtful-value spec.tracing']],
    ['a tag of two sources', { tracing: [{ customTags: { a: { literal: { value: 'x' }, header: { name: 'y' } } } }] }, ['error conflicting-fields spec.tracing[0].customTags.a']],
    ['a tag of no value', { metrics: [{ overrides: [{ tagOverrides: { a: {} } }] }] }, ['error required-field spec.metrics[0].overrides[0].tagOverrides.a.value']],
    ['a removed tag with a value', { metrics: [{ overrides: [{ tagOverrides: { a: { operation: 'REMOVE', value: 'x' } } }] }] }, ['error conflicting-fields spec.metrics[0].overrides[0].tagOverrides.a.value']],
    ['101 percent of traces', { tracing: [{ randomSamplingPercentage: 101 }] }, ['error invalid-value spec.tracing[0].randomSamplingPercentage']],
  ])); // prettier-ignore

const env = (...variables: object[]) => ({ url: 'oci://r/p', vmConfig: { env: variables } });

describe('WasmPlugin and TrafficExtension', () => {
  run('WasmPlugin', [
    ['an image', { url: 'registry.example.com/plugins/auth:1.0' }, []],
    ['a file', { url: 'file:///opt/a.wasm' }, []],
    ['an FTP server', { url: 'ftp://a/b' }, ['error invalid-value spec.url']],
    ['no code', {}, ['error required-field spec']],
    ['a hash that is none', { url: 'a', sha256: 'xyz' }, ['error invalid-value spec.sha256']],
    ['a variable twice', env({ name: 'A' }, { name: 'A' }), ['error duplicate-value spec.vmConfig.env[1].name']],
    ['a value from two places', env({ name: 'A', valueFrom: 'HOST', value: 'x' }), ['error conflicting-fields spec.vmConfig.env[0].value']],
  ]); // prettier-ignore
  run('TrafficExtension', [
    ['Lua', { lua: { inlineCode: 'function envoy_on_request(h) end' } }, []],
    ['neither', {}, ['error required-field spec']],
    ['both', { lua: { inlineCode: 'x' }, wasm: { url: 'a' } }, ['error conflicting-fields spec']],
  ]);
  const asked = { service: 'marker', port: 9000 };
  run('ExternalProcessor', [
    ['a service', asked, []],
    ['no service', { port: 9000 }, ['error required-field spec']],
    ['workloads and objects', { ...asked, selector: { matchLabels: { app: 'a' } }, targetRefs: [{ kind: 'Gateway', group: 'gateway.networking.k8s.io', name: 'a' }] }, ['error conflicting-fields spec']],
    ['nothing to see', { ...asked, request: { headers: false }, response: { headers: false } }, ['warning doubtful-value spec']],
    ['less than a millisecond', { ...asked, timeout: '1us' }, ['error invalid-value spec.timeout']],
  ]); // prettier-ignore
});

describe('Service', () =>
  run('Service', [
    ['two ports of one name', { ports: [{ port: 1, name: 'a' }, { port: 2, name: 'a' }] }, ['error duplicate-value spec.ports[1].name']],
    ['several ports, one unnamed', { ports: [{ port: 1, name: 'a' }, { port: 2 }] }, ['warning doubtful-value spec.ports[1].name']],
    ['another name for nothing', { type: 'ExternalName' }, ['error required-field spec.externalName']],
    ['fields that are not read', { futureField: { anything: [1] }, ports: [{ port: 80, later: true }] }, []],
  ])); // prettier-ignore
