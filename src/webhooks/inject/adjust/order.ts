// The order of containers. Kubernetes starts init containers one after the other, and with its own kind of sidecars what
// stands after the proxy may use it already; ordinary containers are started in the order in which they are listed.
// https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
import type { Container, Pod } from '../pod/pod.ts';

export interface Ordering {
  readonly native: boolean;
  /** Among ordinary containers the proxy is the first. */
  readonly proxyFirst: boolean;
}

const proxy = 'istio-proxy';
/** Without rules nobody's traffic is led to a proxy that is not there yet. */
const early = ['istio-validation', 'istio-bootstrap'];
const interceptor = 'istio-init';

export function ordered(pod: Pod, { native, proxyFirst }: Ordering): Pod {
  const { containers, initContainers = [] } = pod.spec;
  const named = (list: readonly Container[], ...names: readonly string[]) =>
    names.flatMap((name) => list.filter((container) => container.name === name));
  const others = initContainers.filter(({ name }) => ![...early, interceptor, proxy].includes(name));
  const prepared = native
    ? [...named(initContainers, ...early, interceptor, proxy), ...others]
    : [...named(initContainers, ...early), ...others, ...named(initContainers, interceptor)];
  const rest = containers.filter(({ name }) => name !== proxy);
  const main = proxyFirst ? [...named(containers, proxy), ...rest] : [...rest, ...named(containers, proxy)];
  return { ...pod, spec: { ...pod.spec, containers: main, ...(prepared.length > 0 && { initContainers: prepared }) } };
}
