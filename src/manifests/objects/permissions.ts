// What the control plane may do: read what it translates, write statuses and what it distributes, nothing else. Secrets
// are read in all namespaces, because gateways name theirs there.
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/
import { kindRows } from '../../watchers/kinds.ts';
import type { Settings } from '../settings.ts';
import { defaultRevision } from '../settings.ts';
import { clusterWide, controlPlane, namespaced } from './names.ts';

interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

const read = ['get', 'list', 'watch'];
const write = ['create', 'delete', 'patch', 'update'];
const rule = (
  group: string,
  resources: readonly string[],
  verbs: readonly string[],
  resourceNames?: readonly string[],
): PolicyRule => ({ apiGroups: [group], resources, ...(resourceNames && { resourceNames }), verbs });

/** The kinds that are read, by group, as the table of kinds has them. */
function readRules(groups: (group: string) => boolean): readonly PolicyRule[] {
  const byGroup = Map.groupBy(
    kindRows.filter(({ group }) => groups(group)),
    ({ group }) => group,
  );
  return [...byGroup].map(([group, rows]) => rule(group, [...new Set(rows.map(({ plural }) => plural))].sort(), read));
}

const istioStatuses = (): readonly PolicyRule[] => {
  const istio = kindRows.filter(({ group }) => group.endsWith('.istio.io') || group.endsWith('.keelson.io'));
  return [...Map.groupBy(istio, ({ group }) => group)].map(([group, rows]) =>
    rule(group, rows.map(({ plural }) => `${plural}/status`).sort(), ['patch']),
  );
};

const gatewayApi = 'gateway.networking.k8s.io';
/** Kinds of Gateway API in whichever channel they are; more than are translated, so that an upgrade needs no new rights. */
const gatewayKinds = [
  'backendtlspolicies',
  'gatewayclasses',
  'gateways',
  'grpcroutes',
  'httproutes',
  'listenersets',
  'referencegrants',
  'tcproutes',
  'tlsroutes',
  'udproutes',
];

const clusterRules = (): readonly PolicyRule[] => [
  ...readRules((group) => group !== gatewayApi),
  ...istioStatuses(),
  rule(gatewayApi, gatewayKinds, read),
  rule(gatewayApi, gatewayKinds.map((kind) => `${kind}/status`), ['patch']),
  rule('gateway.networking.x-k8s.io', ['xbackendtrafficpolicies/status'], ['patch']),
  rule(gatewayApi, ['gatewayclasses'], write),
  rule('networking.k8s.io', ['ingresses/status'], ['patch']),
  // Machines register themselves.
  rule('networking.istio.io', ['workloadentries'], ['create', 'patch', 'delete']),
  rule('apiextensions.k8s.io', ['customresourcedefinitions'], read),
  // The root that workloads trust is in every namespace.
  rule('', ['configmaps'], ['create', 'patch']),
  rule('authentication.k8s.io', ['tokenreviews'], ['create']),
  rule('authorization.k8s.io', ['subjectaccessreviews'], ['create']),
  rule('admissionregistration.k8s.io', ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'], [
    ...read,
    'patch',
  ]),
];

/** Gateways of Gateway API get Deployments of their own, in their own namespaces. */
const gatewayRules: readonly PolicyRule[] = [
  rule('apps', ['deployments'], [...read, ...write]),
  rule('autoscaling', ['horizontalpodautoscalers'], [...read, ...write]),
  rule('policy', ['poddisruptionbudgets'], [...read, ...write]),
  rule('', ['services', 'serviceaccounts'], [...read, ...write]),
];

const ownNamespaceRules: readonly PolicyRule[] = [
  // To find out, with a dry run, whether its own webhook is asked.
  rule('networking.istio.io', ['gateways'], ['create']),
  // The authority: made once, then changed.
  rule('', ['secrets'], ['create', 'get', 'patch']),
  rule('coordination.k8s.io', ['leases'], [...read, ...write]),
  // What becomes of the authority.
  rule('events.k8s.io', ['events'], ['create', 'get', 'patch']),
];

/** For whoever reads this cluster from another one. */
const readerRules = (): readonly PolicyRule[] => [
  ...readRules((group) => group !== gatewayApi),
  rule(gatewayApi, gatewayKinds, read),
  rule('apps', ['replicasets'], read),
  rule('apiextensions.k8s.io', ['customresourcedefinitions'], read),
  rule('authentication.k8s.io', ['tokenreviews'], ['create']),
  rule('authorization.k8s.io', ['subjectaccessreviews'], ['create']),
];

const rbac = 'rbac.authorization.k8s.io';

export const serviceAccount = (settings: Settings): object => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { ...namespaced(settings, controlPlane(settings)), annotations: settings.serviceAccountAnnotations },
  ...('imagePullSecrets' in settings.pod && { imagePullSecrets: settings.pod['imagePullSecrets'] }),
});

export const controlPlaneRoles = (settings: Settings): readonly object[] => {
  const { suffix, namespace } = settings;
  const account = controlPlane(settings);
  return [
    ...clusterRole(settings, `istiod-clusterrole${suffix}-${namespace}`, account, clusterRules()),
    ...clusterRole(settings, `istiod-gateway-controller${suffix}-${namespace}`, account, gatewayRules),
    { apiVersion: `${rbac}/v1`, kind: 'Role', metadata: namespaced(settings, account), rules: ownNamespaceRules },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'RoleBinding',
      metadata: namespaced(settings, account),
      roleRef: { apiGroup: rbac, kind: 'Role', name: account },
      subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
    },
  ];
};

export const reader = (install: Settings): readonly object[] => {
  // Shared by all control planes of the cluster.
  const settings = { ...install, revision: defaultRevision };
  const account = 'istio-reader-service-account';
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: namespaced(settings, account, 'istio-reader') },
    ...clusterRole(settings, `istio-reader-clusterrole-${settings.namespace}`, account, readerRules()),
  ];
};

const clusterRole = (
  settings: Settings,
  name: string,
  account: string,
  rules: readonly PolicyRule[],
): readonly object[] => [
  { apiVersion: `${rbac}/v1`, kind: 'ClusterRole', metadata: clusterWide(settings, name), rules },
  {
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: clusterWide(settings, name),
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name },
    subjects: [{ kind: 'ServiceAccount', name: account, namespace: settings.namespace }],
  },
];
