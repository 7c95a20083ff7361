// Which ProxyConfig objects have a say about a Pod's proxy: the mesh's, its namespace's and its own, the oldest of each.
// https://istio.io/latest/docs/reference/config/networking/proxy-config/
import type { KindMap, ProxyConfigResourceSpec } from '../schema/index.ts';
import { selects } from './labels.ts';

type ProxyConfig = KindMap['ProxyConfig'];

export interface ProxyConfigLayers {
  readonly mesh?: ProxyConfigResourceSpec;
  readonly namespace?: ProxyConfigResourceSpec;
  /** Goes before the Pod's own annotation. */
  readonly workload?: ProxyConfigResourceSpec;
}

interface PodPlace {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

export function proxyConfigLayers(
  configs: Iterable<ProxyConfig>,
  { namespace, labels }: PodPlace,
  rootNamespace: string,
): ProxyConfigLayers {
  const byAge = [...configs].toSorted(byObjectAge);
  const selector = ({ spec }: ProxyConfig) => spec.selector?.matchLabels;
  const oldest = (fits: (config: ProxyConfig) => boolean) => byAge.find(fits)?.spec;
  const mesh = oldest((each) => each.metadata.namespace === rootNamespace && !selector(each));
  const own = oldest((each) => each.metadata.namespace === namespace && !selector(each));
  const workload = oldest((each) => {
    const wanted = selector(each);
    return each.metadata.namespace === namespace && wanted !== undefined && selects(wanted, labels);
  });
  return {
    ...(mesh && { mesh }),
    ...(own && namespace !== rootNamespace && { namespace: own }),
    ...(workload && { workload }),
  };
}

/** What is not dated counts as oldest. */
const byObjectAge = (a: ProxyConfig, b: ProxyConfig): number => (sortKey(a) < sortKey(b) ? -1 : 1);
const sortKey = ({ metadata }: ProxyConfig): string => `${metadata.creationTimestamp} ${metadata.name}`;
