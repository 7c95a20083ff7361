// The environment variables of a Pod's proxy as the configuration sets them: for the whole mesh, by ProxyConfig objects of the
// mesh, of the namespace and of the workload, and by the Pod's own annotation, each going before what is wider.
// https://istio.io/latest/docs/reference/config/networking/proxy-config/
import type { KindMap } from '../model/schema/index.ts';
import type { Snapshot } from '../model/snapshot.ts';

import { defaultInstallation } from '../translate/resolve/mesh-settings.ts';
import { selects } from '../model/labels.ts';
import { byObjectAge } from '../translate/resolve/order.ts';

type Pod = KindMap['Pod'];
type ProxyConfig = KindMap['ProxyConfig'];
type Environment = Readonly<Record<string, unknown>>;

/** `own` are the variables of the Pod's annotation. */
export function proxyEnvironment(pod: Pod, { objects }: Snapshot, own: Environment): Environment {
  const { systemNamespace } = defaultInstallation;
  const mesh = objects.ConfigMap.get(`${systemNamespace}/istio`)?.meshConfig;
  const root = mesh?.rootNamespace ?? systemNamespace;
  const applying = [...objects.ProxyConfig.values()]
    .filter((config) => appliesTo(config, pod, root))
    .toSorted((a, b) => width(b, root) - width(a, root) || byObjectAge(b, a));
  return Object.assign(
    {},
    mesh?.defaultConfig?.proxyMetadata,
    ...applying.map(({ spec }) => spec.environmentVariables),
    own,
  ) as Environment;
}

const labelsOf = ({ spec }: ProxyConfig): Readonly<Record<string, string>> | undefined => spec.selector?.matchLabels;

const appliesTo = (config: ProxyConfig, { metadata }: Pod, root: string): boolean =>
  (config.metadata.namespace === metadata.namespace || (config.metadata.namespace === root && !labelsOf(config))) &&
  selects(labelsOf(config) ?? {}, metadata.labels);

/** The mesh before the namespace before the workload; of equals the oldest is the last to have a say. */
const width = (config: ProxyConfig, root: string): number =>
  labelsOf(config) !== undefined ? 0 : config.metadata.namespace === root ? 2 : 1;
