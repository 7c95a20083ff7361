// The settings of an install, by the names that Istio's charts `base` and `istiod` have for them, with our defaults. What
// proxies and injection read (`global.proxy`, `sidecarInjectorWebhook`, `meshConfig`) is passed on as it is.
// https://istio.io/latest/docs/setup/additional-setup/customize-installation-helm/
import { stockImage } from '../../model/envoy/stock-image.ts';

export type Tree = Readonly<Record<string, unknown>>;

export interface Values extends Tree {
  readonly revision: string;
  readonly revisionTags: readonly string[];
  /** Of chart `base`: the revision whose webhook validates what carries no revision; empty: none does. */
  readonly defaultRevision: string;
  readonly base: { readonly enableCRDTemplates: boolean };
  readonly image: string;
  readonly replicaCount: number;
  readonly autoscaleEnabled: boolean;
  readonly autoscaleMin: number;
  readonly autoscaleMax: number;
  readonly cpu: { readonly targetAverageUtilization: number };
  readonly rollingMaxSurge: number | string;
  readonly rollingMaxUnavailable: number | string;
  readonly resources: Tree;
  readonly env: Tree;
  readonly extraContainerArgs: readonly string[];
  readonly keepaliveMaxServerConnectionAge: string;
  readonly nodeSelector: Tree;
  readonly affinity: Tree;
  readonly tolerations: readonly unknown[];
  readonly topologySpreadConstraints: readonly unknown[];
  readonly podAnnotations: Tree;
  readonly podLabels: Tree;
  readonly serviceAnnotations: Tree;
  readonly serviceAccountAnnotations: Tree;
  readonly configMap: boolean;
  readonly meshConfig: Tree;
  readonly sidecarInjectorWebhook: Tree;
  readonly gateways: { readonly 'istio-ingressgateway': { readonly enabled: boolean } };
  readonly experimental: { readonly stableValidationPolicy: boolean };
  readonly global: Global;
}

interface Global extends Tree {
  readonly istioNamespace: string;
  readonly hub: string;
  readonly tag: string | number;
  readonly imagePullPolicy: string;
  readonly imagePullSecrets: readonly string[];
  readonly priorityClassName: string;
  readonly logging: { readonly level: string };
  readonly logAsJson: boolean;
  readonly meshID: string;
  readonly network: string;
  readonly multiCluster: { readonly clusterName: string };
  readonly meshNetworks: Tree;
  readonly defaultPodDisruptionBudget: { readonly enabled: boolean };
  readonly networkPolicy: { readonly enabled: boolean };
  readonly proxy: Tree;
  readonly proxy_init: Tree;
}

export const version = '0.1.0';

export const defaultValues: Values = {
  revision: '',
  revisionTags: [],
  defaultRevision: 'default',
  base: { enableCRDTemplates: true },
  image: 'keelson',
  replicaCount: 1,
  autoscaleEnabled: true,
  autoscaleMin: 1,
  autoscaleMax: 5,
  cpu: { targetAverageUtilization: 80 },
  rollingMaxSurge: '100%',
  rollingMaxUnavailable: '25%',
  resources: { requests: { cpu: '100m', memory: '256Mi' } },
  env: {},
  extraContainerArgs: [],
  keepaliveMaxServerConnectionAge: '30m',
  nodeSelector: {},
  affinity: {},
  tolerations: [{ key: 'cni.istio.io/not-ready', operator: 'Exists' }],
  topologySpreadConstraints: [],
  podAnnotations: {},
  podLabels: {},
  serviceAnnotations: {},
  serviceAccountAnnotations: {},
  configMap: true,
  meshConfig: { enablePrometheusMerge: true },
  sidecarInjectorWebhook: {
    enableNamespacesByDefault: false,
    reinvocationPolicy: 'Never',
    rewriteAppHTTPProbe: true,
    neverInjectSelector: [],
    alwaysInjectSelector: [],
    injectedAnnotations: {},
    templates: {},
    defaultTemplates: [],
  },
  gateways: { 'istio-ingressgateway': { enabled: true } },
  experimental: { stableValidationPolicy: false },
  global: {
    istioNamespace: 'istio-system',
    hub: '',
    tag: version,
    imagePullPolicy: '',
    imagePullSecrets: [],
    priorityClassName: '',
    logging: { level: 'default:info' },
    logAsJson: false,
    meshID: '',
    network: '',
    multiCluster: { clusterName: '' },
    meshNetworks: {},
    defaultPodDisruptionBudget: { enabled: true },
    networkPolicy: { enabled: false },
    // Tools compare what Pods run with it.
    proxy: { image: stockImage },
    proxy_init: {},
  },
};

/** Below these a user may write what he likes: they are passed on. */
const free = new Set([
  'resources',
  'env',
  'nodeSelector',
  'affinity',
  'podAnnotations',
  'podLabels',
  'serviceAnnotations',
  'serviceAccountAnnotations',
  'meshConfig',
  'sidecarInjectorWebhook',
  'global.meshNetworks',
  'global.proxy',
  'global.proxy_init',
]);

/** Where Istio's operator and older charts have what stands at the top here. */
const wrappers = ['values', 'pilot'];

export interface ReadValues {
  readonly values: Values;
  /** Paths that mean nothing here. */
  readonly unknown: readonly string[];
}

/** The defaults, with what each of `given` says over those before it. */
export function readValues(given: readonly Tree[]): ReadValues {
  const flat = given.map((tree) => wrappers.reduce(unwrapped, tree));
  const values = flat.reduce<Tree>(merged, defaultValues) as Values;
  return { values, unknown: [...new Set(flat.flatMap((tree) => unknownPaths(tree, defaultValues, '')))] };
}

export const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function unwrapped(tree: Tree, wrapper: string): Tree {
  const { [wrapper]: inner, ...rest } = tree;
  return isTree(inner) ? merged(rest, inner) : tree;
}

/** Objects are merged, everything else is replaced; null removes, as Helm has it. */
export function merged(base: Tree, over: Tree): Tree {
  const entries = Object.entries(over).flatMap(([key, value]): [string, unknown][] => {
    const before = Object.hasOwn(base, key) ? base[key] : undefined;
    return value === null ? [] : [[key, isTree(value) ? merged(isTree(before) ? before : {}, value) : value]];
  });
  const kept = Object.entries(base).filter(([key]) => !Object.hasOwn(over, key));
  return Object.fromEntries([...kept, ...entries]);
}

function unknownPaths(given: Tree, known: Tree, prefix: string): readonly string[] {
  return Object.entries(given).flatMap(([key, value]) => {
    const path = `${prefix}${key}`;
    if (free.has(path)) return [];
    const expected = Object.hasOwn(known, key) ? known[key] : undefined;
    if (expected === undefined) return [path];
    return isTree(value) && isTree(expected) ? unknownPaths(value, expected, `${path}.`) : [];
  });
}
