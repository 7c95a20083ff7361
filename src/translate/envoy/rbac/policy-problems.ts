// What a workload's owner should know of its policies: rules that cannot see what they look at, and authorizers and keys
// that are not there. In all these cases more is refused than was meant, or a DENY rule does not catch everybody.
// https://istio.io/latest/docs/ops/best-practices/security/#authorization-policies
import { memo } from '../../../model/memo.ts';
import type { Problem } from '../../../model/problem.ts';
import type { SourceRef } from '../../../model/source.ts';
import { at } from '../../../model/source.ts';
import type { InboundPort, InboundView } from '../../../model/view.ts';
import type { AuthorizationPolicy, WorkloadPolicies } from '../../../model/mesh/workload-policies.ts';
import { keySourceOf } from '../../../model/external/key-source.ts';
import { isHttp } from '../../resolve/protocol.ts';
import type { Attribute } from './attribute.ts';
import { namespaces, ports, principals, serviceAccounts, trustDomainNames } from './attribute.ts';
import type { Test, Tests } from './rule.ts';
import { testsOf } from './rule.ts';

export const policyProblems = memo(({ policies, ports: received }: InboundView): readonly Problem[] => [
  ...policies.authorization.flatMap((policy) => [
    ...ruleProblems(policy, received),
    ...providerProblems(policy, policies.authorizers),
  ]),
  ...keyProblems(policies),
]);

const warning = (code: string, source: SourceRef, message: string): Problem => ({
  code,
  severity: 'warning',
  message,
  source,
});

const identities: ReadonlySet<Attribute> = new Set([principals, namespaces, serviceAccounts, trustDomainNames]);

function ruleProblems({ spec, source }: AuthorizationPolicy, received: readonly InboundPort[]): readonly Problem[] {
  const denies = spec.action === 'DENY';
  return (spec.rules ?? []).flatMap((rule, i) => {
    const tests = testsOf(rule);
    const place = at(source, `spec.rules[${i}]`);
    const concerned = received.filter(({ targetPort }) => mayConcern(tests, targetPort));
    const plaintext = looksAt(tests, (test) => identities.has(test.attribute))
      ? concerned.filter(({ mtls }) => mtls !== 'STRICT')
      : [];
    const tcp = looksAt(tests, (test) => test.attribute.httpOnly)
      ? concerned.filter(({ servicePort: { protocol } }) => !isHttp(protocol) && protocol !== 'Auto')
      : [];
    return [
      ...(plaintext.length > 0
        ? [
            warning(
              'identity-in-plaintext',
              place,
              `${listed(plaintext)} also plaintext, whose sender has no identity: ${denies ? 'this rule does not deny it' : 'this rule never matches it'}; ask for mutual TLS (STRICT)`,
            ),
          ]
        : []),
      ...(tcp.length > 0
        ? [
            warning(
              'http-field-on-tcp',
              place,
              `${listed(tcp)} TCP, where fields of HTTP are not seen: there the rule ${(spec.action ?? 'ALLOW') === 'ALLOW' ? 'allows nothing' : 'does without them and matches more'}; name the ports`,
            ),
          ]
        : []),
    ];
  });
}

const looksAt = ({ operations, sources, conditions }: Tests, test: (each: Test) => boolean): boolean =>
  [...operations.flat(), ...sources.flat(), ...conditions].some(test);

/** Unless the rule is about other ports. */
const mayConcern = ({ operations, conditions }: Tests, port: number): boolean =>
  operations.some((tests) => [...tests, ...conditions].every((test) => test.attribute !== ports || covers(test, port)));

const covers = ({ values, notValues }: Test, port: number): boolean =>
  (values.length === 0 || values.includes(String(port))) && !notValues.includes(String(port));

function listed(received: readonly InboundPort[]): string {
  const numbers = received.map(({ targetPort }) => targetPort);
  return numbers.length === 1 ? `port ${numbers[0]} takes` : `ports ${numbers.join(', ')} take`;
}

function providerProblems(
  { spec, source }: AuthorizationPolicy,
  authorizers: WorkloadPolicies['authorizers'],
): readonly Problem[] {
  if (spec.action !== 'CUSTOM') return [];
  const found = authorizers.find(({ name }) => name === (spec.provider?.name ?? ''));
  const place = at(source, 'spec.provider.name');
  if (found !== undefined && 'fault' in found)
    return [warning('unusable-provider', place, `${found.fault}: all that the rules match is denied`)];
  if (authorizers.length === 1) return [];
  const names = authorizers.map(({ name }) => name).join(', ');
  return [
    warning(
      'several-providers',
      place,
      `workloads have one authorizer, and here are ${names}: all that the rules match is denied`,
    ),
  ];
}

/** What could not be fetched is reported by who fetches. */
const keyProblems = ({ tokens }: WorkloadPolicies): readonly Problem[] =>
  tokens.flatMap(({ source, rule, keys }) =>
    keys.kind === 'none' && keySourceOf(rule) === undefined
      ? [
          warning(
            'keys-unavailable',
            source,
            'nothing says where the keys of this issuer are: every token of it is refused; write jwksUri or jwks',
          ),
        ]
      : [],
  );
