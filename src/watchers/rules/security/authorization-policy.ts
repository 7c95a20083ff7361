// AuthorizationPolicy: actions, and rules of sources, operations and conditions.
// https://istio.io/latest/docs/reference/config/security/authorization-policy/
import type { KindMap, Operation, Rule, Source } from '../../../model/schema/index.ts';
import type { Drafts } from '../../draft.ts';
import type { FieldPath } from '../../field-path.ts';
import { conflict, doubtful, invalid, missing, unsupported } from '../../draft.ts';
import { checkCondition, checkPorts, checkServiceAccounts, checkSubnets, checkWildcards } from './attributes.ts';
import { checkTargets, dryRun } from '../common.ts';
import { pathTemplateFault } from '../syntax/path-template.ts';

type Policy = KindMap['AuthorizationPolicy'];
type List = readonly string[] | undefined;

export function* authorizationPolicy(policy: Policy): Drafts {
  const { action = 'ALLOW', rules, provider } = policy.spec;
  yield* checkTargets(policy.spec);
  yield* checkDryRun(policy);
  if (!rules && (action === 'DENY' || action === 'CUSTOM'))
    yield missing(
      ['spec', 'rules'],
      `${action} without rules does nothing; for every request write one empty rule: {}`,
    );
  if (action === 'CUSTOM' && rules && !provider?.name)
    yield missing(['spec', 'provider', 'name'], 'CUSTOM needs the name of a provider');
  if (action !== 'CUSTOM' && provider) yield conflict(['spec', 'provider'], `${action} takes no provider`);
  for (const [index, rule] of (rules ?? []).entries()) {
    const path = ['spec', 'rules', index];
    yield* checkRule(rule, path);
    if (action === 'CUSTOM') yield* checkCustom(rule, path);
    if (action === 'DENY' && isHttpOnly(rule))
      yield doubtful(path, 'denies all traffic to TCP ports, where HTTP fields never match: name the ports');
  }
}

function* checkDryRun({ metadata, spec: { action = 'ALLOW' } }: Policy): Drafts {
  const value = metadata.annotations[dryRun];
  if (value === undefined) return;
  const path = ['metadata', 'annotations', dryRun];
  if (action !== 'ALLOW' && action !== 'DENY') yield unsupported(path, `${action} has no dry run`);
  else if (!/^(1|t|true|0|f|false)$/i.test(value)) yield invalid(path, `"${value}" is neither true nor false`);
}

function* checkRule(rule: Rule, path: FieldPath): Drafts {
  for (const field of ['from', 'to'] as const) {
    if (rule[field]?.length === 0) yield missing([...path, field], 'an empty list matches nothing: leave it out');
  }
  for (const [index, { source }] of (rule.from ?? []).entries())
    yield* checkSource(source ?? {}, [...path, 'from', index, 'source']);
  for (const [index, { operation }] of (rule.to ?? []).entries())
    yield* checkOperation(operation ?? {}, [...path, 'to', index, 'operation']);
  for (const [index, condition] of (rule.when ?? []).entries())
    yield* checkCondition(condition, [...path, 'when', index]);
}

function* checkSource(source: Source, path: FieldPath): Drafts {
  if (isEmpty(source)) yield missing(path, 'a source must set something');
  const identities = [source.principals, source.notPrincipals, source.namespaces, source.notNamespaces];
  if (identities.some(hasAny) && [source.serviceAccounts, source.notServiceAccounts].some(hasAny))
    yield conflict(path, 'serviceAccounts exclude principals and namespaces');
  for (const field of ['ipBlocks', 'notIpBlocks', 'remoteIpBlocks', 'notRemoteIpBlocks'] as const)
    yield* checkSubnets(source[field], [...path, field]);
  for (const field of ['trustDomains', 'notTrustDomains'] as const) {
    yield* checkWildcards(source[field], [...path, field]);
    if (source[field]?.some((value) => value.includes('/')))
      yield invalid([...path, field], 'a trust domain has no slash');
  }
  for (const field of ['serviceAccounts', 'notServiceAccounts'] as const)
    yield* checkServiceAccounts(source[field], [...path, field]);
  yield* checkNoneEmpty(source, path);
}

function* checkOperation(operation: Operation, path: FieldPath): Drafts {
  if (isEmpty(operation)) yield missing(path, 'an operation must set something');
  yield* checkNoneEmpty(operation, path);
  for (const field of ['ports', 'notPorts'] as const) yield* checkPorts(operation[field], [...path, field]);
  for (const field of ['paths', 'notPaths'] as const) {
    for (const [index, text] of (operation[field] ?? []).entries()) {
      const fault = pathTemplateFault(text);
      if (fault !== undefined) yield invalid([...path, field, index], fault);
    }
  }
}

function* checkNoneEmpty(message: Source | Operation, path: FieldPath): Drafts {
  for (const [field, values] of Object.entries(message)) {
    const index = values.indexOf('');
    if (index >= 0) yield invalid([...path, field, index], 'must not be empty');
  }
}

/** An external authorizer is asked before the proxy knows who is calling. */
function* checkCustom(rule: Rule, path: FieldPath): Drafts {
  for (const [index, { source }] of (rule.from ?? []).entries()) {
    for (const [field, values] of Object.entries(source ?? {})) {
      if (!/ipBlocks$/i.test(field) && hasAny(values))
        yield unsupported([...path, 'from', index, 'source', field], `CUSTOM does not take ${field}`);
    }
  }
  for (const [index, { key }] of (rule.when ?? []).entries()) {
    if (/^source\.(namespace|serviceAccount|trustDomain|principal)$|^request\.auth\./.test(key))
      yield unsupported([...path, 'when', index, 'key'], `CUSTOM does not take ${key}`);
  }
}

const tcpSources = [
  'principals',
  'notPrincipals',
  'ipBlocks',
  'notIpBlocks',
  'namespaces',
  'notNamespaces',
  'remoteIpBlocks',
  'notRemoteIpBlocks',
  'serviceAccounts',
  'notServiceAccounts',
] as const;

/** On a TCP port only what is known of the connection can match; a DENY rule takes the rest as matched. */
function isHttpOnly({ from = [], to = [] }: Rule): boolean {
  const tcpFrom = from.some(({ source }) => tcpSources.some((field) => source?.[field] !== undefined));
  const tcpTo = to.some(({ operation }) => operation?.ports !== undefined || operation?.notPorts !== undefined);
  return to.length > 0 ? !tcpTo : from.length > 0 && !tcpFrom;
}

const hasAny = (values: List): boolean => (values ?? []).length > 0;
const isEmpty = (message: Source | Operation): boolean => !Object.values(message).some(hasAny);
