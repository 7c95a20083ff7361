// Who gets lazy configuration: the label `keelson.io/lazy` on the Pod, else on its Namespace, else on the root namespace,
// which speaks for the whole mesh as it does for Istio's policies. The nearest one decides; without any nobody does.
// ../../../docs/lazy.md
import type { Proxy } from '../../model/proxy/proxy.ts';
import type { Snapshot } from '../../model/snapshot.ts';

export const lazyLabel = 'keelson.io/lazy';

/** Gateways are not: what they receive decides what they need, and that is in their Gateway objects. */
export function isLazy(proxy: Proxy, { objects }: Snapshot, rootNamespace: string): boolean {
  const ofNamespace = (name: string): string | undefined =>
    objects.Namespace.get(`/${name}`)?.metadata.labels[lazyLabel];
  const label = proxy.labels[lazyLabel] ?? ofNamespace(proxy.namespace) ?? ofNamespace(rootNamespace);
  return proxy.type === 'sidecar' && label === 'true';
}
