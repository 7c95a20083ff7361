// Refuses the kinds and fields whose API is not stable, for those who want to be sure of upgrades: by the API server alone.
// https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
import type { Settings } from '../settings.ts';
import { clusterWide } from './names.ts';
import { istioGroups } from './validation-webhook.ts';

const unstableKinds = ['EnvoyFilter', 'ProxyConfig', 'TrafficExtension', 'WasmPlugin'];

export const stableApisOnly = (settings: Settings): readonly object[] => {
  const name = `stable-channel-policy${settings.suffix}-${settings.namespace}.istio.io`;
  return [policy(settings, name), binding(settings, name)];
};

const policy = (settings: Settings, name: string): object => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicy',
  metadata: clusterWide(settings, name),
  spec: {
    failurePolicy: 'Fail',
    matchConstraints: {
      resourceRules: [{ apiGroups: istioGroups, apiVersions: ['*'], operations: ['CREATE', 'UPDATE'], resources: ['*'] }],
      objectSelector: {
        matchExpressions: [{ key: 'istio.io/rev', operator: 'In', values: [settings.revision] }],
      },
    },
    validations: [
      {
        expression: `!(object.kind in ${JSON.stringify(unstableKinds).replaceAll('"', "'")})`,
        message: `only kinds with a stable API are allowed here, not ${unstableKinds.join(', ')}`,
      },
      {
        expression: "object.apiVersion.endsWith('/v1')",
        message: 'only version v1 of an API is allowed here',
      },
    ],
  },
});

const binding = (settings: Settings, name: string): object => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: clusterWide(settings, `${name}-binding`),
  spec: { policyName: name, validationActions: ['Deny'] },
});
