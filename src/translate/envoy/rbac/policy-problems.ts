// What a workload's owner should know of its policies: rules that cannot see what they look at, and authorizers and keys
// that are not there. In all these cases more is refused than was meant, or a DENY rule does not catch everybody.
// https://istio.io/latest/docs/ops/best-practices/security/#authorization-policies
import { memo, sharedList, sharedValue } from '../../../model/memo.ts';
import type { Protocol } from '../../../model/mesh/mesh.ts';
import type { Problem } from '../../../model/problem.ts';
import type { SourceRef } from '../../../model/source.ts';
import { at } from '../../../model/source.ts';
import type { InboundView } from '../../../model/view.ts';
import type { AuthorizationPolicy, WorkloadPolicies } from '../../../model/mesh/workload-policies.ts';
import { keySourceOf } from '../../../model/external/key-source.ts';
import { isHttp } from '../../resolve/services/protocol.ts';
import type { Attribute } from './attribute.ts';
import { namespaces, ports, principals, serviceAccounts, trustDomainNames } from './attribute.ts';
import type { Test, Tests } from './rule.ts';
import { testsOf } from './rule.ts';

/** A port through which somebody comes to what policies are for. */
export interface Entrance {
  readonly port: number;
  /** What is spoken once TLS has ended. */
  readonly protocol: Protocol;
  /** Whether all who come have an identity; if not, whether they come in plaintext, or need no certificate. */
  readonly callers: 'known' | 'in plaintext' | 'without certificate';
}

/** Of a workload. */
export const policyProblems = memo(({ policies, ports }: InboundView): readonly Problem[] =>
  entranceProblems(
    policies,
    sharedList(
      ports.map(({ targetPort, servicePort, mtls }) =>
        sharedValue<Entrance>({
          port: targetPort,
          protocol: servicePort.protocol,
          callers: mtls === 'STRICT' ? 'known' : 'in plaintext',
        }),
      ),
    ),
  ),
);

/** `entrances` is a shared list. */
export const entranceProblems = memo(
  (policies: WorkloadPolicies, entrances: readonly Entrance[]): readonly Problem[] => [
    ...policies.authorization.flatMap((policy) => [
      ...ruleProblems(policy, entrances),
      ...providerProblems(policy, policies.authorizers),
    ]),
    ...keyProblems(policies),
  ],
);

const warning = (code: string, source: SourceRef, message: string): Problem => ({
  code,
  severity: 'warning',
  message,
  source,
});

const identities: ReadonlySet<Attribute> = new Set([principals, namespaces, serviceAccounts, trustDomainNames]);

function ruleProblems({ spec, source }: AuthorizationPolicy, entrances: readonly Entrance[]): readonly Problem[] {
  const { action = 'ALLOW' } = spec;
  return (spec.rules ?? []).flatMap((rule, i) => {
    const tests = testsOf(rule);
    const place = at(source, `spec.rules[${i}]`);
    const concerned = entrances.filter(({ port }) => mayConcern(tests, port));
    const unknown = looksAt(tests, (test) => identities.has(test.attribute))
      ? concerned.filter(({ callers }) => callers !== 'known')
      : [];
    const tcp = looksAt(tests, (test) => test.attribute.httpOnly)
      ? concerned.filter(({ protocol }) => !isHttp(protocol) && protocol !== 'Auto')
      : [];
    return [...unknownCallers(unknown, action, place), ...unseenFields(tcp, action, place)];
  });
}

function unknownCallers(entrances: readonly Entrance[], action: string, place: SourceRef): readonly Problem[] {
  return (['in plaintext', 'without certificate'] as const).flatMap((callers) => {
    const own = entrances.filter((each) => each.callers === callers);
    if (own.length === 0) return [];
    const [taken, remedy] =
      callers === 'in plaintext'
        ? ['also plaintext, whose sender has no identity', 'ask for mutual TLS (STRICT)']
        : ['callers without a certificate, who have no identity', "ask for one (the server's tls.mode MUTUAL)"];
    const effect = action === 'DENY' ? 'this rule does not deny it' : 'this rule never matches it';
    return [warning('identity-in-plaintext', place, `${listed(own)} ${taken}: ${effect}; ${remedy}`)];
  });
}

function unseenFields(entrances: readonly Entrance[], action: string, place: SourceRef): readonly Problem[] {
  if (entrances.length === 0) return [];
  const effect = action === 'ALLOW' ? 'allows nothing' : 'does without them and matches more';
  const message = `${listed(entrances)} TCP, where fields of HTTP are not seen: there the rule ${effect}; name the ports`;
  return [warning('http-field-on-tcp', place, message)];
}

const looksAt = ({ operations, sources, conditions }: Tests, test: (each: Test) => boolean): boolean =>
  [...operations.flat(), ...sources.flat(), ...conditions].some(test);

/** Unless the rule is about other ports. */
const mayConcern = ({ operations, conditions }: Tests, port: number): boolean =>
  operations.some((tests) => [...tests, ...conditions].every((test) => test.attribute !== ports || covers(test, port)));

const covers = ({ values, notValues }: Test, port: number): boolean =>
  (values.length === 0 || values.includes(String(port))) && !notValues.includes(String(port));

function listed(entrances: readonly Entrance[]): string {
  const numbers = [...new Set(entrances.map(({ port }) => port))];
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
