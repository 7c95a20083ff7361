// One rule of an AuthorizationPolicy as a policy of Envoy's RBAC filter: any of its operations, by any of its sources,
// under all of its conditions.
// https://istio.io/latest/docs/reference/config/security/authorization-policy/#Rule
import type { Condition, Operation, Rule, Source } from '../../../model/schema/index.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';
import type { Attribute, RuleContext } from './attribute.ts';
import {
  conditionAttribute,
  hosts,
  ipBlocks,
  methods,
  namespaces,
  paths,
  ports,
  principals,
  remoteIpBlocks,
  requestPrincipals,
  serviceAccounts,
  trustDomainNames,
} from './attribute.ts';

type Policy = MessageOf['envoy.config.rbac.v3.Policy'];
type Permission = MessageOf['envoy.config.rbac.v3.Permission'];
type Principal = MessageOf['envoy.config.rbac.v3.Principal'];

/** One attribute's values: those of which one must be there, and those of which none may be. */
export interface Test {
  readonly attribute: Attribute;
  readonly values: readonly string[];
  readonly notValues: readonly string[];
}

/** A rule by what it looks at. */
export interface Tests {
  readonly operations: readonly (readonly Test[])[];
  readonly sources: readonly (readonly Test[])[];
  readonly conditions: readonly Test[];
}

/** What the rule looks at, in the order in which it is asked. */
export const testsOf = ({ from, to, when }: Rule): Tests => ({
  operations: orNothing(to?.map(({ operation }) => operationTests(operation ?? {}))),
  sources: orNothing(from?.map(({ source }) => sourceTests(source ?? {}))),
  conditions: (when ?? []).flatMap(conditionTest),
});

/** An empty list is the same as none: it asks for nothing. */
const orNothing = (all: readonly (readonly Test[])[] | undefined): Tests['operations'] =>
  all === undefined || all.length === 0 ? [[]] : all;

/**
 * The rule on HTTP or on plain connections. Where nothing of HTTP can be seen, a rule that allows is undefined when
 * it depends on it, and any other one does without it: in doubt nothing is let through. The same goes for conditions
 * that nobody can read, which admission refuses.
 */
export function rulePolicy(rule: Rule, context: RuleContext, http: boolean, allows: boolean): Policy | undefined {
  const { operations, sources, conditions } = testsOf(rule);
  const isSeen = ({ attribute }: Test): boolean => attribute !== unreadable && (http || !attribute.httpOnly);
  if (allows && ![...operations.flat(), ...sources.flat(), ...conditions].every(isSeen)) return undefined;
  const seen = (tests: readonly Test[]): readonly Test[] => [...tests, ...conditions].filter(isSeen);
  return {
    permissions: operations.map((tests) => ({ and_rules: { rules: permissionsOf(seen(tests), context) } })),
    principals: sources.map((tests) => ({ and_ids: { ids: principalsOf(seen(tests), context) } })),
  };
}

/** Of a policy without rules. */
export const matchesNothing: Policy = {
  permissions: [{ not_rule: { any: true } }],
  principals: [{ not_id: { any: true } }],
};

function permissionsOf(tests: readonly Test[], context: RuleContext): readonly Permission[] {
  const all = tests.flatMap(({ attribute, values, notValues }): readonly Permission[] =>
    attribute.of !== 'permission'
      ? []
      : [
          ...(values.length > 0 ? [attribute.matcher(values, context)] : []),
          ...(notValues.length > 0 ? [{ not_rule: attribute.matcher(notValues, context) }] : []),
        ],
  );
  return all.length > 0 ? all : [{ any: true }];
}

function principalsOf(tests: readonly Test[], context: RuleContext): readonly Principal[] {
  const all = tests.flatMap(({ attribute, values, notValues }): readonly Principal[] =>
    attribute.of !== 'principal'
      ? []
      : [
          ...(values.length > 0 ? [attribute.matcher(values, context)] : []),
          ...(notValues.length > 0 ? [{ not_id: attribute.matcher(notValues, context) }] : []),
        ],
  );
  return all.length > 0 ? all : [{ any: true }];
}

type Values = readonly string[] | undefined;

const test = (attribute: Attribute, values: Values, notValues: Values): readonly Test[] =>
  (values ?? []).length + (notValues ?? []).length === 0
    ? []
    : [{ attribute, values: values ?? [], notValues: notValues ?? [] }];

const operationTests = (operation: Operation): readonly Test[] => [
  ...test(hosts, operation.hosts, operation.notHosts),
  ...test(methods, operation.methods, operation.notMethods),
  ...test(paths, operation.paths, operation.notPaths),
  ...test(ports, operation.ports, operation.notPorts),
];

const sourceTests = (source: Source): readonly Test[] => [
  ...test(principals, source.principals, source.notPrincipals),
  ...test(requestPrincipals, source.requestPrincipals, source.notRequestPrincipals),
  ...test(serviceAccounts, source.serviceAccounts, source.notServiceAccounts),
  ...test(trustDomainNames, source.trustDomains, source.notTrustDomains),
  ...test(namespaces, source.namespaces, source.notNamespaces),
  ...test(remoteIpBlocks, source.remoteIpBlocks, source.notRemoteIpBlocks),
  ...test(ipBlocks, source.ipBlocks, source.notIpBlocks),
];

const conditionTest = ({ key, values, notValues }: Condition): readonly Test[] =>
  test(conditionAttribute(key) ?? unreadable, values, notValues);

const unreadable: Attribute = { of: 'principal', httpOnly: true, matcher: () => ({ any: true }) };
