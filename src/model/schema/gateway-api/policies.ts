// ReferenceGrant: which objects of other namespaces may refer to those of its own. BackendTLSPolicy: how a backend is reached
// over TLS. XBackendTrafficPolicy: how often requests to it are tried again, and who stays with one of its endpoints.
// https://gateway-api.sigs.k8s.io/reference/spec/#referencegrant
import type { Static } from '../fields.ts';
import { integer, list, map, oneOf, openMessage, string, withDefault } from '../fields.ts';
import { gatewayDuration, LocalObjectReference, SessionPersistence } from './common.ts';

const ReferenceGrantSpec = openMessage(
  {
    from: list(openMessage({ group: string, kind: string, namespace: string }, ['group', 'kind', 'namespace'])),
    to: list(openMessage({ group: string, kind: string, name: string }, ['group', 'kind'])),
  },
  ['from', 'to'],
);
export const ReferenceGrantBody = openMessage({ spec: ReferenceGrantSpec }, ['spec']);

const PolicyTargetReference = openMessage({ group: string, kind: string, name: string, sectionName: string }, [
  'group',
  'kind',
  'name',
]);
export type BackendPolicyTarget = Static<typeof PolicyTargetReference>;

const Validation = openMessage(
  {
    caCertificateRefs: list(LocalObjectReference, { maxItems: 8 }),
    wellKnownCACertificates: string,
    hostname: string,
    subjectAltNames: list(openMessage({ type: oneOf('Hostname', 'URI'), hostname: string, uri: string }, ['type'])),
  },
  ['hostname'],
);
export type BackendTLSValidation = Static<typeof Validation>;

export const BackendTLSPolicyBody = openMessage(
  {
    spec: openMessage({ targetRefs: list(PolicyTargetReference), validation: Validation, options: map(string) }, [
      'targetRefs',
      'validation',
    ]),
  },
  ['spec'],
);

const defaultBudget = { percent: 20, interval: '10s' };
const defaultRate = { count: 10, interval: '1s' };

/** https://gateway-api.sigs.k8s.io/geps/gep-3388/ */
const RetryConstraint = openMessage(
  {
    budget: withDefault(
      openMessage({ percent: withDefault(integer(0, 100), 20), interval: withDefault(gatewayDuration, '10s') }, [
        'percent',
        'interval',
      ]),
      defaultBudget,
    ),
    minRetryRate: withDefault(
      openMessage({ count: withDefault(integer(1, 1_000_000), 10), interval: withDefault(gatewayDuration, '1s') }, [
        'count',
        'interval',
      ]),
      defaultRate,
    ),
  },
  ['budget', 'minRetryRate'],
);

export const XBackendTrafficPolicyBody = openMessage(
  {
    spec: openMessage(
      {
        targetRefs: list(PolicyTargetReference, { maxItems: 16 }),
        retryConstraint: RetryConstraint,
        sessionPersistence: SessionPersistence,
      },
      ['targetRefs'],
    ),
  },
  ['spec'],
);
