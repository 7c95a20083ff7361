// One part of a Pod laid over another as Kubernetes lays a patch: objects field by field, lists of named things by their
// names, every other list as a whole. What the upper part has wins.
// https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/#notes-on-the-strategic-merge-patch
import type { Json } from '../pod/pod.ts';
import { isObject } from '../pod/pod.ts';

/** The fields by which the items of a list are told apart. */
const listKeys: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  volumes: ['name'],
  imagePullSecrets: ['name'],
  env: ['name'],
  ports: ['containerPort', 'port', 'protocol'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  hostAliases: ['ip'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
  resourceClaims: ['name'],
  schedulingGates: ['name'],
};

/** Items of lists keep the lower part's order; new ones come after, or before with `newFirst`. */
export function strategicMerge<T extends Json>(lower: T, upper: Json, newFirst = false): T {
  return mergeObjects(lower, upper, newFirst) as T;
}

/** Ways to probe or to be told: one excludes the others. */
const handlers = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'];

function mergeObjects(lower: Json, upper: Json, newFirst: boolean): Json {
  const merged: Record<string, unknown> = { ...lower };
  if (handlers.some((handler) => upper[handler] !== undefined))
    for (const handler of handlers) if (upper[handler] === undefined) delete merged[handler];
  for (const [field, value] of Object.entries(upper)) {
    if (value === null) continue;
    merged[field] = mergeValues(field, merged[field], value, newFirst);
  }
  return merged;
}

function mergeValues(field: string, lower: unknown, upper: unknown, newFirst: boolean): unknown {
  if (isObject(lower) && isObject(upper)) return mergeObjects(lower, upper, newFirst);
  const keys = Object.hasOwn(listKeys, field) ? listKeys[field] : undefined;
  if (keys === undefined || !isListOfObjects(lower) || !isListOfObjects(upper)) return upper;
  const identity = identityBy(keys);
  const over = new Map(upper.map((item) => [identity(item), item]));
  const known = new Set(lower.map(identity));
  const kept = lower.map((item) => mergeItem(item, over.get(identity(item)), newFirst));
  const added = upper.filter((item) => !known.has(identity(item)));
  return newFirst ? [...added, ...kept] : [...kept, ...added];
}

/** A variable has its value here or elsewhere, never both. */
function mergeItem(lower: Json, upper: Json | undefined, newFirst: boolean): Json {
  if (upper === undefined) return lower;
  const merged = mergeObjects(lower, upper, newFirst);
  if (upper['value'] !== undefined && upper['valueFrom'] === undefined) return without(merged, 'valueFrom');
  if (upper['valueFrom'] !== undefined && upper['value'] === undefined) return without(merged, 'value');
  return merged;
}

const without = (object: Json, field: string): Json =>
  Object.fromEntries(Object.entries(object).filter(([key]) => key !== field));

const identityBy =
  (keys: readonly string[]) =>
  (item: Json): string =>
    JSON.stringify(keys.map((key) => item[key] ?? (key === 'protocol' ? 'TCP' : '')));

const isListOfObjects = (value: unknown): value is readonly Json[] => Array.isArray(value) && value.every(isObject);
