// What the proxy's environment gains once the whole Pod is known; and the same environment for the init container, which
// makes Envoy's bootstrap of it.
import { ownVariables } from '../../../bootstrap/pod-environment.ts';
import { labelVariables } from '../../../model/proxy/self-labels.ts';
import type { Container, EnvVar, Pod } from '../pod/pod.ts';
import { labelsOf } from '../pod/pod.ts';

const proxy = 'istio-proxy';
const preparing = new Set(['istio-init', 'istio-validation', 'istio-bootstrap']);

export interface OwnSettings {
  /** JSON; '' for none. */
  readonly bootstrapPatches: string;
  readonly statusPort: number;
  readonly drainToken: string;
  readonly clusterDomain: string;
}

export function withEnvironment(pod: Pod, added: readonly EnvVar[], own: OwnSettings): Pod {
  const change = (container: Container): Container =>
    container.name === proxy ? { ...container, env: joined(selfLabels(pod), [...(container.env ?? []), ...added]) } : container; // prettier-ignore
  const spec = mapContainers(pod, change);
  const running = [...spec.containers, ...(spec.initContainers ?? [])].find(({ name }) => name === proxy);
  const environment = [...(running?.env ?? []).filter(isTransferable), ...ownEnvironment(own)];
  const envFrom = running?.['envFrom'];
  const prepare = (container: Container): Container =>
    preparing.has(container.name)
      ? { ...container, env: joined(environment, container.env ?? []), ...(envFrom !== undefined && { envFrom }) }
      : container;
  return { ...pod, spec: mapContainers({ ...pod, spec }, prepare) };
}

/** Metrics and spans name the workload by these: the configuration of all proxies refers to them alike. */
const selfLabels = (pod: Pod): readonly EnvVar[] =>
  Object.entries(labelVariables(labelsOf(pod))).map(([name, value]) => ({ name, value }));

function mapContainers({ spec }: Pod, change: (container: Container) => Container): Pod['spec'] {
  const { containers, initContainers } = spec;
  return {
    ...spec,
    containers: containers.map(change),
    ...(initContainers && { initContainers: initContainers.map(change) }),
  };
}

/** Resources are of the container that asks. */
const isTransferable = ({ valueFrom }: EnvVar): boolean => valueFrom?.['resourceFieldRef'] === undefined;

const ownEnvironment = ({
  statusPort,
  drainToken,
  clusterDomain,
  bootstrapPatches,
}: OwnSettings): readonly EnvVar[] => [
  { name: ownVariables.addresses, valueFrom: { fieldRef: { fieldPath: 'status.podIPs' } } },
  { name: ownVariables.statusPort, value: String(statusPort) },
  { name: ownVariables.drainToken, value: drainToken },
  { name: ownVariables.clusterDomain, value: clusterDomain },
  ...(bootstrapPatches === '' ? [] : [{ name: ownVariables.bootstrapPatches, value: bootstrapPatches }]),
];

/** What the container has itself goes first. */
function joined(environment: readonly EnvVar[], own: readonly EnvVar[]): readonly EnvVar[] {
  const names = new Set(own.map(({ name }) => name));
  return [...own, ...environment.filter(({ name }) => !names.has(name))];
}
