// Conditions of an AuthorizationPolicy: attributes of a request and their values.
// https://istio.io/latest/docs/reference/config/security/conditions/
import type { Condition } from '../../../model/schema/index.ts';
import type { Draft, Drafts } from '../../draft.ts';
import type { FieldPath } from '../../field-path.ts';
import { invalid, missing } from '../../draft.ts';
import { subnetFault } from '../syntax/host.ts';

type Values = readonly string[] | undefined;

const plain: ReadonlySet<string> = new Set([
  'source.namespace',
  'source.principal',
  'request.auth.principal',
  'request.auth.audiences',
  'request.auth.presenter',
  'connection.sni',
]);
const withKey = ['request.headers', 'request.auth.claims', 'experimental.envoy.filters.'];
const checks: Readonly<Record<string, (values: Values, path: FieldPath) => Drafts>> = {
  'source.ip': checkSubnets,
  'remote.ip': checkSubnets,
  'destination.ip': checkSubnets,
  'destination.port': checkPorts,
  'source.serviceAccount': checkServiceAccounts,
  'source.trustDomain': checkWildcards,
};

export function* checkCondition({ key, values, notValues }: Condition, path: FieldPath): Drafts {
  if (key === '') return yield missing([...path, 'key'], 'the key is required');
  if ((values ?? []).length + (notValues ?? []).length === 0)
    return yield missing(path, `values or notValues are required for ${key}`);
  yield* checkKey(key, [...path, 'key']);
  for (const [field, list] of Object.entries({ values, notValues })) {
    const index = list?.indexOf('') ?? -1;
    if (index >= 0) yield invalid([...path, field, index], 'must not be empty');
    const check = Object.hasOwn(checks, key) ? checks[key] : undefined;
    if (check) yield* check(list, [...path, field]);
  }
}

function* checkKey(key: string, path: FieldPath): Drafts {
  if (plain.has(key) || Object.hasOwn(checks, key)) return;
  if (!withKey.some((prefix) => key.startsWith(prefix))) yield invalid(path, `there is no attribute ${key}`);
  else if (!/^[^[]+\[[^\0\r\n]+\]$/.test(key))
    yield invalid(path, `${key} needs a name in brackets: request.headers[x-user]`);
}

export function* checkSubnets(values: Values, path: FieldPath): Drafts {
  yield* checkEach(values, path, (value) => (value === '' ? undefined : subnetFault(value)));
}

export function* checkPorts(values: Values, path: FieldPath): Drafts {
  yield* checkEach(values, path, (value) =>
    value === '' || (/^\d{1,5}$/.test(value) && Number(value) <= 65535) ? undefined : `"${value}" is not a port`,
  );
}

/** `account` or `namespace/account`, without wildcards. */
export function* checkServiceAccounts(values: Values, path: FieldPath): Drafts {
  yield* checkEach(values, path, (value) =>
    /^([^/*]+\/)?[^/*]+$/.test(value) ? undefined : `"${value}" is not of the form account or namespace/account`,
  );
}

/** One `*` at most, at the beginning or the end. */
export function* checkWildcards(values: Values, path: FieldPath): Drafts {
  yield* checkEach(values, path, (value) =>
    /^(\*?[^*]*|[^*]*\*)$/.test(value) ? undefined : `"${value}": one * at the beginning or the end is allowed`,
  );
}

function* checkEach(
  values: Values,
  path: FieldPath,
  fault: (value: string) => string | undefined,
): Generator<Draft, void> {
  for (const [index, value] of (values ?? []).entries()) {
    const message = fault(value);
    if (message !== undefined) yield invalid([...path, index], message);
  }
}
