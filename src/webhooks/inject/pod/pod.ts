// A Pod as the API server hands it to a webhook: fields that injection reads are checked, everything else is kept as it is.
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
export type Json = { readonly [field: string]: unknown };
export type StringMap = Readonly<Record<string, string>>;

export interface EnvVar extends Json {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: Json;
}

export interface ContainerPort extends Json {
  readonly containerPort: number;
  readonly name?: string;
  readonly protocol?: string;
}

export interface Probe extends Json {
  readonly httpGet?: Json & { readonly port?: number | string };
  readonly tcpSocket?: Json & { readonly port?: number | string };
  readonly grpc?: Json & { readonly port?: number };
  readonly timeoutSeconds?: number;
}

export interface Container extends Json {
  readonly name: string;
  readonly image?: string;
  readonly args?: readonly string[];
  readonly env?: readonly EnvVar[];
  readonly ports?: readonly ContainerPort[];
  readonly securityContext?: Json;
  readonly volumeMounts?: readonly Json[];
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly startupProbe?: Probe;
  readonly lifecycle?: Json & { readonly postStart?: Probe; readonly preStop?: Probe };
  readonly restartPolicy?: string;
}

export interface Volume extends Json {
  readonly name: string;
}

export interface PodMetadata extends Json {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly labels?: StringMap;
  readonly annotations?: StringMap;
  readonly ownerReferences?: readonly {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly controller?: boolean;
  }[];
}

export interface PodSpec extends Json {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly hostNetwork?: boolean;
  readonly nodeName?: string;
  readonly securityContext?: Json;
  readonly imagePullSecrets?: readonly Volume[];
}

export interface Pod extends Json {
  readonly metadata: PodMetadata;
  readonly spec: PodSpec;
}

/** Beyond this many containers or volumes nothing is injected: the API server would not take much more either. */
const mostListed = 1000;

/** The Pod, or in a sentence why this is none. */
export function readPod(value: unknown): { readonly pod: Pod } | { readonly fault: string } {
  if (!isObject(value)) return { fault: 'it is no object' };
  const { metadata, spec } = value;
  if (!isObject(metadata)) return { fault: 'it has no metadata' };
  if (!isObject(spec)) return { fault: 'it has no spec' };
  for (const field of ['labels', 'annotations'] as const) {
    const map = metadata[field] ?? {};
    if (!isObject(map) || !Object.values(map).every((each) => typeof each === 'string'))
      return { fault: `metadata.${field} is no map of texts` };
  }
  for (const field of ['containers', 'initContainers', 'volumes'] as const) {
    const list = spec[field] ?? [];
    if (!Array.isArray(list) || list.length > mostListed || !list.every(isNamed))
      return { fault: `spec.${field} is no list of at most ${mostListed} named objects` };
  }
  if (!isListOfObjects(metadata['ownerReferences'])) return { fault: 'metadata.ownerReferences is no list of objects' };
  const containers = [...asList(spec['containers']), ...asList(spec['initContainers'])];
  const odd = containers.find((container) => !hasListsOfObjects(container));
  if (odd !== undefined)
    return { fault: `container ${String(odd['name'])}: env, ports and volumeMounts are lists of objects` };
  return { pod: { ...value, metadata, spec: { ...spec, containers: spec['containers'] ?? [] } } as unknown as Pod };
}

const hasListsOfObjects = (container: Json): boolean =>
  ['env', 'ports', 'volumeMounts'].every((field) => isListOfObjects(container[field]));

const isListOfObjects = (value: unknown): boolean =>
  value === undefined || value === null || (Array.isArray(value) && value.every(isObject));

const asList = (value: unknown): readonly Json[] => (Array.isArray(value) ? (value as readonly Json[]) : []);

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isNamed = (value: unknown): boolean => isObject(value) && typeof value['name'] === 'string';

export const labelsOf = ({ metadata }: Pod): StringMap => metadata.labels ?? {};
export const annotationsOf = ({ metadata }: Pod): StringMap => metadata.annotations ?? {};

/** For messages: the name, or what the name will begin with. */
export const podName = ({ metadata }: Pod): string => metadata.name || `${metadata.generateName ?? ''}*`;

/** Without undefined values, so that objects compare and print as they are. */
export const defined = <T extends object>(object: T): T =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
