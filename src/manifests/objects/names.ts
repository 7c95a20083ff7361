// Names and labels that objects of an install have in common. Tools look for the control plane by them.
// https://istio.io/latest/docs/setup/upgrade/canary/
import type { Settings } from '../settings.ts';

export type Labels = Readonly<Record<string, string>>;

/** On every object. */
export const labels = ({ revision, version, managedBy }: Settings, name = 'istiod'): Labels => ({
  app: name,
  'app.kubernetes.io/name': name,
  'app.kubernetes.io/instance': 'keelson',
  'app.kubernetes.io/part-of': 'keelson',
  'app.kubernetes.io/managed-by': managedBy,
  'app.kubernetes.io/version': version,
  'istio.io/rev': revision,
});

/** What selects the Pods of one revision. The first revision's is what Istio's own Deployment selects by. */
export const selector = ({ suffix, revision }: Settings): Labels =>
  suffix === '' ? { istio: 'pilot' } : { app: 'istiod', 'istio.io/rev': revision };

export const serviceSelector = (settings: Settings): Labels =>
  settings.suffix === '' ? { app: 'istiod', istio: 'pilot' } : selector(settings);

/** `istiod`, or `istiod-<revision>`: the Deployment, its Service and its account. */
export const controlPlane = ({ suffix }: Settings): string => `istiod${suffix}`;

/** The `metadata` of an object of the control plane's namespace. */
export const namespaced = (settings: Settings, name: string, app?: string) => ({
  name,
  namespace: settings.namespace,
  labels: labels(settings, app),
});

/** The `metadata` of an object that lives in no namespace. */
export const clusterWide = (settings: Settings, name: string) => ({ name, labels: labels(settings) });
