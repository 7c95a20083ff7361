// What the API server itself refuses beyond types, so that the plainest mistakes are kept out while no control plane runs:
// rules over the fields of one message. The whole set of rules is in src/watchers/rules; a rule is here as well when
// its cost has a bound that the API server accepts.
// https://kubernetes.io/docs/reference/using-api/cel/
import * as common from '../../model/schema/common.ts';
import { ExternalProcessorSpec } from '../../model/schema/external-processor.ts';
import { EnvoyFilterSpec } from '../../model/schema/envoy-filter.ts';
import * as extensions from '../../model/schema/extensions.ts';
import * as limits from '../../model/schema/rate-limit.ts';
import * as security from '../../model/schema/security.ts';
import * as serviceEntry from '../../model/schema/service-entry.ts';
import * as telemetry from '../../model/schema/telemetry.ts';
import * as virtualService from '../../model/schema/virtual-service.ts';

export interface CelRule {
  readonly rule: string;
  readonly message: string;
}

const count = (fields: readonly string[]): string => fields.map((field) => `(has(self.${field}) ? 1 : 0)`).join(' + ');
const atMostOne = (...fields: readonly string[]): CelRule => ({
  rule: `${count(fields)} <= 1`,
  message: `only one of ${fields.join(', ')} can be set`,
});
const exactlyOne = (...fields: readonly string[]): CelRule => ({
  rule: `${count(fields)} == 1`,
  message: `exactly one of ${fields.join(', ')} must be set`,
});
const rule = (rule: string, message: string): CelRule => ({ rule, message });
/** Two fields that are not there together. */
const notBoth = (one: string, other: string, message: string): CelRule =>
  rule(`!(has(self.${one}) && has(self.${other}))`, message);

const webAddress = (field: string): CelRule =>
  rule(
    `!has(self.${field}) || (isURL(self.${field}) && url(self.${field}).getScheme() in ['http', 'https'])`,
    `${field} must be a URL with the scheme http:// or https://`,
  );

const ownNamespace = rule(
  'size(has(self.__namespace__) ? self.__namespace__ : "") == 0',
  'a policy can only refer to objects of its own namespace',
);

const targets = [atMostOne('selector', 'targetRef', 'targetRefs')];

const accountsAlone = (['serviceAccounts', 'notServiceAccounts'] as const).flatMap((accounts) =>
  ['principals', 'notPrincipals', 'namespaces', 'notNamespaces'].map((field) =>
    notBoth(accounts, field, `${accounts} cannot be set together with ${field}`),
  ),
);

const byResolution = (resolution: string, condition: string, message: string): CelRule =>
  rule(`(has(self.resolution) ? self.resolution : 'NONE') != '${resolution}' || ${condition}`, message);

const table: readonly (readonly [object, readonly CelRule[]])[] = [
  [
    common.PolicyWorkloadSelector,
    [
      rule(
        `!has(self.matchLabels) || self.matchLabels.all(key, key.size() > 0 && !key.contains('*'))`,
        'the keys of matchLabels must not be empty, nor contain "*"',
      ),
      rule(
        `!has(self.matchLabels) || self.matchLabels.all(key, !self.matchLabels[key].contains('*'))`,
        'the values of matchLabels must not contain "*"',
      ),
    ],
  ],
  [
    common.WorkloadSelector,
    [
      rule(
        `!has(self.labels) || self.labels.all(key, key.size() > 0 && !key.contains('*') && !self.labels[key].contains('*'))`,
        'labels must not have an empty key, nor contain "*"',
      ),
    ],
  ],
  [
    common.PolicyTargetReference,
    [
      rule(
        `[has(self.group) ? self.group : '', self.kind] in [['', 'Service'], ['core', 'Service'], ['networking.istio.io', 'ServiceEntry'], ['gateway.networking.k8s.io', 'Gateway'], ['gateway.networking.k8s.io', 'GatewayClass']]`,
        'targets are Service, networking.istio.io/ServiceEntry, gateway.networking.k8s.io/Gateway and GatewayClass',
      ),
      ownNamespace,
    ],
  ],
  [
    limits.LimitTarget,
    [
      rule(
        `[has(self.group) ? self.group : '', self.kind] in [['', 'Service'], ['networking.istio.io', 'ServiceEntry'], ['networking.istio.io', 'VirtualService'], ['gateway.networking.k8s.io', 'Gateway'], ['gateway.networking.k8s.io', 'HTTPRoute']]`,
        'targets are Service, networking.istio.io/ServiceEntry and VirtualService, gateway.networking.k8s.io/Gateway and HTTPRoute',
      ),
      ownNamespace,
    ],
  ],
  [ExternalProcessorSpec, [atMostOne('selector', 'targetRefs')]],
  [limits.RateLimitPolicySpec, [atMostOne('selector', 'targetRefs')]],
  [security.RequestAuthenticationSpec, targets],
  [security.AuthorizationPolicySpec, targets],
  [telemetry.TelemetrySpec, targets],
  [extensions.WasmPluginSpec, targets],
  [extensions.TrafficExtensionSpec, [atMostOne('selector', 'targetRefs'), exactlyOne('wasm', 'lua')]],
  [EnvoyFilterSpec, [atMostOne('workloadSelector', 'targetRefs')]],
  [
    security.PeerAuthenticationSpec,
    [
      rule(
        '!has(self.portLevelMtls) || (has(self.selector) && has(self.selector.matchLabels) && self.selector.matchLabels.size() > 0)',
        'portLevelMtls requires a selector',
      ),
      rule(
        `!has(self.portLevelMtls) || self.portLevelMtls.all(key, key.matches('^[0-9]{1,5}$') && int(key) > 0 && int(key) <= 65535)`,
        'the keys of portLevelMtls are port numbers: 1 to 65535',
      ),
    ],
  ],
  [security.JWTRule, [atMostOne('jwksUri', 'jwks_uri', 'jwks'), webAddress('jwksUri'), webAddress('jwks_uri')]],
  [security.Source, accountsAlone],
  [
    serviceEntry.WorkloadEntrySpec,
    [
      rule(
        `!has(self.address) || !self.address.startsWith('unix://') || (self.address.matches('^unix://[/@]') && !self.address.endsWith('/') && !has(self.ports))`,
        'a Unix domain socket needs an absolute path that is no directory, and has no ports',
      ),
    ],
  ],
  [
    serviceEntry.ServiceEntrySpec,
    [
      atMostOne('workloadSelector', 'endpoints'),
      rule(`self.hosts.all(host, host != '*')`, 'the host "*" is too broad'),
      rule(
        '!has(self.endpoints) || self.endpoints.all(one, has(one.address) || has(one.network))',
        'each endpoint needs an address',
      ),
      rule(
        '!has(self.ports) || self.ports.all(one, self.ports.exists_one(other, other.number == one.number))',
        'port numbers must differ',
      ),
      byResolution('NONE', '!has(self.endpoints)', 'with resolution NONE there are no endpoints'),
      byResolution(
        'DNS_ROUND_ROBIN',
        '!has(self.endpoints) || size(self.endpoints) <= 1',
        'with resolution DNS_ROUND_ROBIN there is at most one endpoint',
      ),
    ],
  ],
  [serviceEntry.ReadinessProbe, [atMostOne('httpGet', 'tcpSocket', 'exec', 'grpc')]],
  [
    extensions.EnvVar,
    [
      rule(
        `!(has(self.valueFrom) && self.valueFrom == 'HOST' && has(self.value))`,
        'a value goes with valueFrom INLINE only',
      ),
    ],
  ],
  [telemetry.CustomTag, [atMostOne('literal', 'environment', 'header', 'formatter')]],
  [telemetry.MetricSelector, [atMostOne('metric', 'customMetric')]],
  [
    telemetry.TagOverride,
    [
      rule(
        `(has(self.operation) && self.operation == 'REMOVE') ? !has(self.value) : (has(self.value) && self.value != '')`,
        'UPSERT needs a value, REMOVE has none',
      ),
    ],
  ],
  [virtualService.HTTPRedirect, [atMostOne('port', 'derivePort')]],
  [virtualService.HTTPBody, [atMostOne('string', 'bytes')]],
];

type Message = { readonly properties?: object };

/** By the fields of a message: a field that is optional is another object, with the same fields. */
const byFields = new Map(table.map(([message, rules]) => [(message as Message).properties, rules]));

/** The rules for objects of this schema. */
export const celRules = (schema: object): readonly CelRule[] => {
  const { properties } = schema as Message;
  return (properties && byFields.get(properties)) ?? [];
};

/** Of a WorkloadEntry itself: a template for one has no address yet. */
export const addressed = rule('has(self.address) || has(self.network)', 'address is required');
