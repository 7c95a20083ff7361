// The roots that workloads trust, and the lists of revoked certificates, in a ConfigMap of every namespace: there Pods mount
// them. What somebody deletes or changes is written again.
// https://istio.io/latest/docs/ops/integrations/certmanager/
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { Change } from '../kubernetes/reflector.ts';
import type { KubernetesObject } from '../kubernetes/resource.ts';
import type { Reconciler } from './reconciler.ts';
import { isApiError, isNotFound } from '../kubernetes/api-error.ts';
import { reflect } from '../kubernetes/reflector.ts';
import { reconciler } from './reconciler.ts';
import { configMaps, fieldManager, namespaces } from './resources.ts';

/** What to trust, PEM; it may change. */
export interface Trust {
  readonly roots: string;
  readonly crl: string | undefined;
  /** Returns how to stop. */
  subscribe(onChange: () => void): () => void;
}

export interface TrustDistributionOptions {
  readonly client: Pick<KubernetesClient, 'list' | 'watch' | 'patch'>;
  readonly trust: Trust;
  readonly signal: AbortSignal;
  readonly onFault: (namespace: string, error: unknown) => void;
}

/** Kubernetes' own, in which nothing of a mesh runs. */
const unserved: ReadonlySet<string> = new Set(['kube-system', 'kube-public', 'kube-node-lease', 'local-path-storage']);

const label = { 'istio.io/config': 'true' };

interface ConfigMap extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>> | null;
}

/** One of the ConfigMaps that every namespace has. */
interface Bundle {
  readonly name: string;
  readonly key: string;
  readonly text: () => string;
  /** What is there, by namespace; undefined until it is known. */
  found: Map<string, string> | undefined;
}

/** Until `signal` aborts. For one replica at a time. */
export function distributeTrust(options: TrustDistributionOptions): void {
  const { trust, signal } = options;
  const bundles: readonly Bundle[] = [
    { name: 'istio-ca-root-cert', key: 'root-cert.pem', text: () => trust.roots, found: undefined },
    { name: 'istio-ca-crl', key: 'ca-crl.pem', text: () => trust.crl ?? '', found: undefined },
  ];
  let living: Set<string> | undefined;
  const work = reconciler({
    reconcile: async (namespace) => {
      // Until everything has been listed nothing is known to be missing.
      if (living?.has(namespace) !== true || bundles.some(({ found }) => found === undefined)) return;
      for (const bundle of bundles) await write(options, bundle, namespace);
    },
    signal,
    onFault: options.onFault,
  });
  const addAll = (): void => work.add(living ?? []);
  signal.addEventListener('abort', trust.subscribe(addAll));
  followNamespaces(options, work, (known) => (living = known));
  for (const bundle of bundles) followBundle(options, bundle, work, addAll);
}

function followNamespaces(
  { client, signal }: TrustDistributionOptions,
  work: Reconciler,
  onKnown: (living: Set<string>) => void,
): void {
  let living = new Set<string>();
  void reflect({
    client,
    resource: namespaces,
    metadataOnly: true,
    read: ({ metadata }) => (metadata.deletionTimestamp === undefined ? (metadata.name ?? '') : ''),
    replace: (objects) => {
      living = new Set([...objects.values()].filter((name) => name !== '' && !unserved.has(name)));
      onKnown(living);
      work.add(living);
    },
    change: (changes) => {
      for (const { key, value } of changes) {
        const name = nameOf(key);
        if (value && !unserved.has(name)) living.add(name);
        else living.delete(name);
      }
      work.add(changes.map(({ key }) => nameOf(key)));
    },
    signal,
  });
}

function followBundle(
  { client, signal }: TrustDistributionOptions,
  bundle: Bundle,
  work: Reconciler,
  addAll: () => void,
): void {
  void reflect({
    client,
    resource: configMaps,
    selection: { fieldSelector: `metadata.name=${bundle.name}` },
    read: (object) => ({
      namespace: object.metadata.namespace ?? '',
      content: contentOf(object as ConfigMap, bundle.key),
    }),
    replace: (objects) => {
      bundle.found = new Map([...objects.values()].map(({ namespace, content }) => [namespace, content]));
      addAll();
    },
    change: (changes: readonly Change<{ readonly namespace: string; readonly content: string }>[]) => {
      for (const { key, value } of changes) {
        const namespace = value?.namespace ?? key.slice(0, key.indexOf('/'));
        if (value === undefined) bundle.found?.delete(namespace);
        else bundle.found?.set(namespace, value.content);
        work.add([namespace]);
      }
    },
    signal,
  });
}

const nameOf = (key: string): string => key.slice(key.indexOf('/') + 1);

/** Equal for ConfigMaps that say the same to us. */
const contentOf = ({ metadata, data }: ConfigMap, key: string): string =>
  JSON.stringify([metadata.labels?.['istio.io/config'], data?.[key]]);

async function write(
  { client, signal }: TrustDistributionOptions,
  { name, key, text, found }: Bundle,
  namespace: string,
): Promise<void> {
  const metadata = { name, namespace, labels: label };
  const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { [key]: text() } };
  if (found?.get(namespace) === contentOf(configMap, key)) return;
  const ref = { name, namespace };
  await client
    .patch(configMaps, ref, configMap, { type: 'apply', fieldManager, force: true, signal })
    .catch((error: unknown) => {
      if (!isGone(error)) throw error;
    });
}

/** The namespace is, or will be in a moment. */
const isGone = (error: unknown): boolean =>
  isNotFound(error) || (isApiError(error) && error.status === 403 && error.message.includes('being terminated'));
