// Which resource of the API a request is about, and its path and query.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
import { invariant } from '../model/invariant.ts';

export interface ResourceType {
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

export interface ObjectRef {
  readonly name: string;
  /** Needed for, and only for, resources that live in namespaces. */
  readonly namespace?: string;
}

/** As it travels: what a kind adds is up to who reads it. */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: KubernetesMetadata;
  readonly [field: string]: unknown;
}

export interface KubernetesMetadata {
  readonly name?: string;
  readonly namespace?: string;
  readonly generateName?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly resourceVersion?: string;
  readonly uid?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly [field: string]: unknown;
}

export type QueryValue = string | number | boolean | undefined;
export type Query = Readonly<Record<string, QueryValue>>;

/** `networking.istio.io/v1`, or `v1` for the core group. */
export const apiVersionOf = ({ group, version }: Pick<ResourceType, 'group' | 'version'>): string =>
  group === '' ? version : `${group}/${version}`;

/** `virtualservices.networking.istio.io`: what RBAC rules and CustomResourceDefinitions call it. */
export const resourceName = ({ group, plural }: Pick<ResourceType, 'group' | 'plural'>): string =>
  group === '' ? plural : `${plural}.${group}`;

export const groupVersionPath = (group: string, version: string): string =>
  group === '' ? `/api/${version}` : `/apis/${group}/${version}`;

/** All objects of a resource: in one namespace, or everywhere. */
export function collectionPath(resource: ResourceType, namespace?: string): string {
  const root = groupVersionPath(resource.group, resource.version);
  const scope = resource.namespaced && namespace !== undefined ? `/namespaces/${segment(namespace)}` : '';
  return `${root}${scope}/${resource.plural}`;
}

export function objectPath(resource: ResourceType, { name, namespace }: ObjectRef, subresource?: string): string {
  invariant(!resource.namespaced || namespace !== undefined, `${resource.plural}/${name} without a namespace`);
  const path = `${collectionPath(resource, namespace)}/${segment(name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

export function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const text = new URLSearchParams(given.map(([key, value]): [string, string] => [key, String(value)])).toString();
  return text === '' ? path : `${path}?${text}`;
}

/** Names come from users and from other objects: none of them may lead to another path. */
function segment(name: string): string {
  invariant(name !== '' && name !== '.' && name !== '..', 'an object without a name');
  return encodeURIComponent(name);
}
