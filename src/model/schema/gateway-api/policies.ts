// ReferenceGrant: which objects of other namespaces may refer to those of its own. BackendTLSPolicy: how a backend is reached
// over TLS.
// https://gateway-api.sigs.k8s.io/reference/spec/#referencegrant
import type { Static } from '../fields.ts';
import { list, map, oneOf, openMessage, string } from '../fields.ts';
import { LocalObjectReference } from './common.ts';

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
