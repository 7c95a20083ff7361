// Metadata that every object has: checked, and made uniform.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
import type { ObjectMeta } from '../model/object.ts';
import type { Draft } from './draft.ts';
import type { KindRow } from './kinds.ts';
import { boolean, int64, list, map, openMessage, string } from '../model/schema/fields.ts';
import { invalid } from './draft.ts';
import { normalize } from './schema/normalize.ts';
import { checkLabels } from './rules/syntax/labels.ts';
import { schemaCheck } from './schema/schema-check.ts';

const ownerReference = openMessage(
  { apiVersion: string, kind: string, name: string, uid: string, controller: boolean },
  ['apiVersion', 'kind', 'name'],
);
const fields = {
  name: string,
  namespace: string,
  labels: map(string),
  annotations: map(string),
  creationTimestamp: string,
  generation: int64,
  resourceVersion: string,
  uid: string,
  generateName: string,
  deletionTimestamp: string,
  ownerReferences: list(ownerReference),
};
const schema = openMessage({ metadata: openMessage(fields, ['name']) }, ['metadata']);
/** What is read of metadata; the version, which is another with every write, says nothing by itself. */
export const metadataFields: readonly string[] = Object.keys(fields).filter((field) => field !== 'resourceVersion');
const check = schemaCheck(schema);
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const longestSubdomain = 253;
const longestLabel = 63;

type Read = { readonly metadata: ObjectMeta } | { readonly drafts: readonly Draft[] };

/** The metadata of an object of `kind`; a namespaced object without a namespace is in `default`. */
export function readMetadata(raw: unknown, { kind, namespaced }: Pick<KindRow, 'kind' | 'namespaced'>): Read {
  const given = normalize({ metadata: raw ?? {} }, schema as object) as { readonly metadata: Partial<ObjectMeta> };
  const faults = check(given, 0);
  if (faults.length > 0) return { drafts: faults };
  const { name = '', namespace = '', labels = {}, annotations = {}, creationTimestamp = '', ...rest } = given.metadata;
  const metadata: ObjectMeta = {
    ...rest,
    name,
    namespace: namespaced ? namespace || 'default' : '',
    labels,
    annotations,
    creationTimestamp,
  };
  const drafts = [...checkNames(metadata, kind), ...checkLabels(labels, ['metadata', 'labels'])];
  return drafts.length > 0 ? { drafts } : { metadata };
}

/** Names become parts of host names and of addresses in the API, hence their syntax. */
function* checkNames({ name, namespace }: ObjectMeta, kind: string): Generator<Draft, void> {
  const isLabelOnly = kind === 'Service' || kind === 'Namespace';
  const valid = isLabelOnly ? name.length <= longestLabel && label.test(name) : isSubdomain(name);
  if (!valid)
    yield invalid(['metadata', 'name'], `"${name}" is not a name: lower-case letters, digits and inner dashes`);
  if (namespace !== '' && !(namespace.length <= longestLabel && label.test(namespace)))
    yield invalid(['metadata', 'namespace'], `"${namespace}" is not a namespace`);
}

const isSubdomain = (name: string): boolean => name.length <= longestSubdomain && subdomain.test(name);
