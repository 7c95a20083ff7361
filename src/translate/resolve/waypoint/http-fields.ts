// The fields of authorization rules that only a proxy which understands HTTP can look at, by the names users know them by.
// https://istio.io/latest/docs/ambient/usage/l4-policy/#allowed-policy-attributes
import type { Operation, Rule, Source } from '../../../model/schema/index.ts';

const ofOperations: readonly (keyof Operation)[] = ['hosts', 'notHosts', 'methods', 'notMethods', 'paths', 'notPaths'];
const ofSources: readonly (keyof Source)[] = [
  'remoteIpBlocks',
  'notRemoteIpBlocks',
  'requestPrincipals',
  'notRequestPrincipals',
];
const ofConnections: ReadonlySet<string> = new Set([
  'source.ip',
  'source.namespace',
  'source.principal',
  'source.serviceAccount',
  'destination.ip',
  'destination.port',
]);

/** Each once, sorted. */
export function httpFields(rules: readonly Rule[]): readonly string[] {
  const found = rules.flatMap(({ from = [], to = [], when = [] }) => [
    ...to.flatMap(({ operation = {} }) => ofOperations.filter((field) => (operation[field] ?? []).length > 0)),
    ...from.flatMap(({ source = {} }) => ofSources.filter((field) => (source[field] ?? []).length > 0)),
    ...when.map(({ key }) => key).filter((key) => !ofConnections.has(key)),
  ]);
  return [...new Set(found)].toSorted();
}
