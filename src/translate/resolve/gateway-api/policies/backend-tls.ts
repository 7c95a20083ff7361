// BackendTLSPolicies as DestinationRules of their targets: TLS towards the backend, with a name and authorities to hold its
// certificate against. What cannot be read is no reason to send in the clear: such a backend is never reached.
// https://gateway-api.sigs.k8s.io/reference/spec/#backendtlspolicy
import { memo } from '../../../../model/memo.ts';
import type { ClientTLSSettings, gatewayApi, KindMap } from '../../../../model/schema/index.ts';
import type { ObjectStatus } from '../../../../model/status.ts';
import { objectKey } from '../../../../model/object.ts';
import { byObjectAge } from '../../order.ts';
import type { RouteResult } from '../routes/route.ts';
import { condition, generationOf, type Fault } from '../status/conditions.ts';
import { ancestorsStatus, gatewaysByBackend } from './ancestors.ts';
import type { PolicyTarget, TargetLookup } from './targets.ts';
import { policyTarget } from './targets.ts';

type BackendTLSPolicy = KindMap['BackendTLSPolicy'];

export interface BackendTls {
  /** One for each host that a policy is for. */
  readonly rules: readonly KindMap['DestinationRule'][];
  readonly statuses: readonly ObjectStatus[];
}

/** A policy for one of its targets. */
interface Attached {
  readonly policy: BackendTLSPolicy;
  readonly reference: gatewayApi.BackendPolicyTarget;
  readonly target: PolicyTarget | Fault;
  readonly conflict: Fault | undefined;
}

export const backendTlsPolicies = memo(
  (
    clusterDomain: string,
    strict: boolean,
    objects: ReadonlyMap<string, BackendTLSPolicy>,
    services: TargetLookup['services'],
    entries: TargetLookup['entries'],
    configMaps: ReadonlyMap<string, KindMap['ConfigMap']>,
    routes: readonly RouteResult[],
  ): BackendTls => {
    const policies = [...objects.values()].toSorted(byObjectAge);
    if (policies.length === 0) return none;
    const lookup: TargetLookup = { clusterDomain, services, entries };
    const context = validationContext(configMaps, strict);
    const taken = new Map<string, BackendTLSPolicy>();
    const attached = policies.flatMap((policy) =>
      policy.spec.targetRefs.map((reference): Attached => {
        const target = policyTarget(reference, policy.metadata.namespace, lookup);
        const key = JSON.stringify([policy.metadata.namespace, reference.kind, reference.name, reference.sectionName]);
        const owner = 'reason' in target ? undefined : taken.get(key);
        if (owner === undefined && !('reason' in target)) taken.set(key, policy);
        const conflict = owner === undefined || owner === policy ? undefined : conflictWith(owner);
        return { policy, reference, target, conflict };
      }),
    );
    const gateways = gatewaysByBackend(routes);
    return {
      rules: destinationRules(
        attached.filter(({ conflict }) => conflict === undefined),
        context,
      ),
      statuses: policies.map((policy) => policyStatus(policy, attached.filter((one) => one.policy === policy), context, gateways)), // prettier-ignore
    };
  },
);

const none: BackendTls = { rules: [], statuses: [] };

const conflictWith = ({ metadata }: BackendTLSPolicy): Fault => ({
  reason: 'Conflicted',
  message: `The BackendTLSPolicy ${metadata.name}, which is older, has this target`,
});

/** What is sent to a proxy, and what is wrong with the references. */
interface Validation {
  readonly tls: ClientTLSSettings;
  readonly accepted?: Fault;
  readonly references?: Fault;
}

/** Canonical by `validationContext`. */
interface ValidationContext {
  readonly configMaps: ReadonlyMap<string, KindMap['ConfigMap']>;
  /** Whether certificates of backends have to be for the host name of the policy. */
  readonly strict: boolean;
}

const validationContext = memo(
  (configMaps: ReadonlyMap<string, KindMap['ConfigMap']>, strict: boolean): ValidationContext => ({
    configMaps,
    strict,
  }),
);

const validation = memo((policy: BackendTLSPolicy, { configMaps, strict }: ValidationContext): Validation => {
  const { hostname, subjectAltNames = [], wellKnownCACertificates, caCertificateRefs = [] } = policy.spec.validation;
  const listed = subjectAltNames.flatMap(({ type, hostname: host, uri }) => (type === 'URI' ? uri : host) ?? []);
  // The specification wants the certificate to be for the host name; Istio takes any that an authority signed.
  const names = listed.length === 0 && strict ? [hostname] : listed;
  const tls: ClientTLSSettings = {
    mode: 'SIMPLE',
    sni: hostname,
    ...(names.length > 0 && { subjectAltNames: names }),
  };
  const [reference] = caCertificateRefs;
  if (wellKnownCACertificates !== undefined || reference === undefined) {
    const known = wellKnownCACertificates === undefined || wellKnownCACertificates === 'System';
    const fault = { reason: 'Invalid', message: `There are no certificates called ${wellKnownCACertificates}` };
    return known ? { tls } : { tls: { ...tls, credentialName: 'invalid://' }, accepted: fault };
  }
  const { namespace } = policy.metadata;
  const fault = authorityFault(reference, namespace, configMaps);
  if (fault === undefined) return { tls: { ...tls, credentialName: `configmap://${namespace}/${reference.name}` } };
  return {
    tls: { ...tls, credentialName: 'invalid://' },
    accepted: { reason: 'NoValidCACertificate', message: fault.message },
    references: fault,
  };
});

function authorityFault(
  { group, kind, name }: { readonly group: string; readonly kind: string; readonly name: string },
  namespace: string,
  configMaps: ReadonlyMap<string, KindMap['ConfigMap']>,
): Fault | undefined {
  if (group !== '' || kind !== 'ConfigMap')
    return { reason: 'InvalidKind', message: `CA certificates are in a ConfigMap, not in a ${kind}` };
  const object = configMaps.get(objectKey(namespace, name));
  const problem = object === undefined ? 'it is not there' : object.bundleFault();
  return problem === undefined
    ? undefined
    : { reason: 'InvalidCACertificateRef', message: `The ConfigMap ${namespace}/${name} cannot be used: ${problem}` };
}

/** All policies for one host are one rule: that for all its ports, and those for one of them. */
function destinationRules(
  attached: readonly Attached[],
  context: ValidationContext,
): readonly KindMap['DestinationRule'][] {
  const perHost = attached.flatMap((one) => {
    const { target } = one;
    return 'reason' in target ? [] : target.hosts.map((host) => ({ ...one, target, host }));
  });
  return [...Map.groupBy(perHost, ({ policy, host }) => objectKey(policy.metadata.namespace, host)).values()].map(
    (own) => {
      const [{ policy, target, host }] = own as [(typeof own)[number], ...typeof own];
      const whole = own.find((one) => one.target.port === undefined);
      const ports = own.flatMap((one) =>
        one.target.port === undefined
          ? []
          : { port: { number: one.target.port }, tls: validation(one.policy, context).tls },
      );
      return {
        apiVersion: 'networking.istio.io/v1',
        kind: 'DestinationRule',
        metadata: {
          ...policy.metadata,
          name: `${target.ruleName(host)}~istio-autogenerated-k8s-gateway`,
          creationTimestamp: '',
        },
        source: (whole ?? own[0] ?? { policy }).policy.source,
        spec: {
          host,
          trafficPolicy: {
            ...(whole !== undefined && { tls: validation(whole.policy, context).tls }),
            ...(ports.length > 0 && { portLevelSettings: ports.toSorted((a, b) => a.port.number - b.port.number) }),
          },
        },
      };
    },
  );
}

function policyStatus(
  policy: BackendTLSPolicy,
  attached: readonly Attached[],
  context: ValidationContext,
  gateways: ReadonlyMap<string, readonly string[]>,
): ObjectStatus {
  const { namespace, name } = policy.metadata;
  const { accepted, references } = validation(policy, context);
  const conditions = (fault: Fault | undefined) => [
    condition(
      'Accepted',
      generationOf(policy.metadata),
      { reason: 'Accepted', message: 'The policy is in force' },
      fault ?? accepted,
    ),
    condition(
      'ResolvedRefs',
      generationOf(policy.metadata),
      { reason: 'ResolvedRefs', message: 'All references are resolved' },
      references,
    ),
  ];
  const faultOf = ({ target, conflict }: Attached): Fault | undefined => ('reason' in target ? target : conflict);
  const last = attached.at(-1);
  const targets = attached.map((one) => ({
    reference: one.reference,
    isBackend: !('reason' in one.target),
    conditions: conditions(faultOf(one)),
  }));
  const status = ancestorsStatus(namespace, targets, gateways, conditions(last && faultOf(last)));
  return { kind: 'BackendTLSPolicy', namespace, name, status };
}
